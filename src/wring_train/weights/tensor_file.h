#pragma once
#include <filesystem>
#include <map>
#include <string>
#include <variant>

#include "wring_train/weights/pth_file.h"
#include "wring_train/weights/safetensors.h"

namespace wring {

// A file of tensors in either format: safetensors, or torch.save's, which are told apart by their first bytes.
class TensorFile {
 public:
  // Throws as SafetensorsFile and PthFile do.
  explicit TensorFile(const std::filesystem::path& path);

  // Views live as long as this object.
  const std::map<std::string, TensorView>& tensors() const;
  // As PthFile's; safetensors are read whole at once.
  bool lost() const;

 private:
  std::variant<SafetensorsFile, PthFile> file_;
};

}  // namespace wring

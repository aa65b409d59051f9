#pragma once
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "wring_train/nn/edsr.h"

namespace wring {

// Contiguous row-major copies on the CPU are written, whole or not at all.
void save_tensors(const std::filesystem::path& path, std::span<const NamedTensor> tensors,
                  const std::map<std::string, std::string>& metadata);

struct LoadedTensors {
  std::map<std::string, at::Tensor> tensors;  // on the CPU, owning their memory
  std::map<std::string, std::string> metadata;
};
LoadedTensors load_tensors(const std::filesystem::path& path);

// An EDSR whose shape is read off the tensors' names and sizes. Accepts BasicSR's names, with a prefix
// "module." too. Throws Error{failed} naming the file and the first tensor that is missing, superfluous or of
// another size.
Edsr load_edsr(const std::filesystem::path& path);

}  // namespace wring

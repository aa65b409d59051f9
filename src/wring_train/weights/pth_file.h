#pragma once
#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "wring_train/weights/tensor_view.h"

namespace wring {

// A file of torch.save that holds tensors in dicts, lists and tuples: .pth, .pt. Both forms are read: the zip archive
// of torch 1.6 and later, and the sequence of pickles before it, which torchvision's older weights still have. No code
// of a file is run, whatever its pickle asks for; what is no tensor (numbers, words) is passed over. Reading maps the
// file into memory: tensors that nobody looks at are not read from the disk.
class PthFile {
 public:
  // Throws Error{failed} naming the file and what is wrong: truncated, asks for another function or class than tensors
  // need, data outside the file, two tensors of one name, no tensors at all.
  explicit PthFile(const std::filesystem::path& path);
  ~PthFile();
  PthFile(PthFile&&) noexcept;

  // By the keys that lead to them, with '.' in between: "conv_first.weight", "params_ema.conv_first.weight". Views live
  // as long as this object.
  const std::map<std::string, TensorView>& tensors() const;
  const std::filesystem::path& path() const;
  // Whether some of what was looked at was gone from the file by then: the views held zeros in its place.
  bool lost() const;

  // By its first bytes. False where it cannot be read.
  static bool is_one(const std::filesystem::path& path);

 private:
  struct Content;
  std::unique_ptr<Content> content_;
};

}  // namespace wring

#pragma once
#include <filesystem>
#include <string>

#include "wring_train/nn/checkpoint.h"

namespace wring {

// Reads an engine's state back by name. Errors name the file and the tensor, and what to do.
class SavedState {
 public:
  SavedState(const LoadedTensors& loaded, std::filesystem::path source) : loaded_(loaded), source_(std::move(source)) {}

  // Throws Error{failed} when it is missing.
  const at::Tensor& find(const std::string& name) const;
  // Copies into `target`, on any device. Throws Error{failed} when it is missing or of another size.
  void restore(const at::Tensor& target, const std::string& name) const;

 private:
  const LoadedTensors& loaded_;
  std::filesystem::path source_;
};

}  // namespace wring

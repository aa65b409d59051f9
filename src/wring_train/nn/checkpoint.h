#pragma once
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "wring_train/nn/edsr.h"
#include "wring_train/weights/safetensors.h"

namespace wring {

// Contiguous row-major copies on the CPU are written, whole or not at all.
void save_tensors(const std::filesystem::path& path, std::span<const NamedTensor> tensors,
                  const std::map<std::string, std::string>& metadata, Seal seal = Seal::none);
void save_tensors(const Folder& folder, const std::string& name, std::span<const NamedTensor> tensors,
                  const std::map<std::string, std::string>& metadata, Seal seal = Seal::none);

// A copy on the CPU. Throws Error{failed} naming the file and the tensor for a dtype that LibTorch does not have.
at::Tensor tensor_of(const TensorView& view, const std::string& name, const std::filesystem::path& path);

struct LoadedTensors {
  std::map<std::string, at::Tensor> tensors;  // on the CPU, owning their memory
  std::map<std::string, std::string> metadata;
};
// Throws Error{failed} naming the file and what is wrong with it. Seal::crc32: also where a byte has changed since it
// was written.
LoadedTensors load_tensors(const std::filesystem::path& path, Seal seal = Seal::none);
LoadedTensors load_tensors(const SafetensorsFile& file, Seal seal);

// An EDSR whose shape is read off the tensors' names and sizes. Accepts BasicSR's names, with a prefix
// "module." too. Throws Error{failed} naming the file and the first tensor that is missing, superfluous or of
// another size, and for a .pth, with the tool that converts it.
Edsr load_edsr(const std::filesystem::path& path);

}  // namespace wring

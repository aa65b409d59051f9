#include "wring_train/weights/tensor_file.h"

namespace wring {
namespace {

// A file that is neither is judged by its name, so that the message is about what it should be.
bool is_pth(const std::filesystem::path& path) {
  const std::string extension = path.extension().string();
  return PthFile::is_one(path) || extension == ".pth" || extension == ".pt";
}

}  // namespace

TensorFile::TensorFile(const std::filesystem::path& path)
    : file_(is_pth(path) ? std::variant<SafetensorsFile, PthFile>(PthFile(path)) : SafetensorsFile(path)) {}

const std::map<std::string, TensorView>& TensorFile::tensors() const {
  return std::visit([](const auto& file) -> const std::map<std::string, TensorView>& { return file.tensors(); }, file_);
}

bool TensorFile::lost() const {
  const auto* pth = std::get_if<PthFile>(&file_);
  return pth != nullptr && pth->lost();
}

}  // namespace wring

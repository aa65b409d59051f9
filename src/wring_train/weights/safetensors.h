#pragma once
#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "wring/files/folder.h"
#include "wring_train/weights/tensor_view.h"

namespace wring {

// The safetensors format (huggingface/safetensors, README "Format"): a little-endian u64 header length, a JSON header,
// raw data. Data is read into memory once the header has been found to fit the file. Any dtype whose elements are whole
// bytes is accepted.

class SafetensorsFile {
 public:
  // Throws Unreadable where the system does not let it be read, else Error{failed} naming the file and what is wrong:
  // no regular file, truncated, not safetensors, offsets that overlap, leave gaps or point outside, a size that does
  // not fit shape and dtype.
  explicit SafetensorsFile(const std::filesystem::path& path);
  SafetensorsFile(const Folder& folder, const std::string& name);
  ~SafetensorsFile();
  SafetensorsFile(SafetensorsFile&&) noexcept;

  // Views live as long as this object. Files of other writers need not align them.
  const std::map<std::string, TensorView>& tensors() const;
  const std::map<std::string, std::string>& metadata() const;
  const std::filesystem::path& path() const;

  // Throws Error{failed} naming the file when it was written without a seal, or when a byte of it has changed since.
  void check_seal() const;

 private:
  struct Content;
  std::unique_ptr<Content> content_;
};

// A sealed file carries the CRC-32 of itself in its metadata, under this key, for files that must not be used when they
// are damaged. The sum is taken with eight zeros in its place.
inline constexpr const char* kSealKey = "wring_crc32";
enum class Seal { none, crc32 };

// Whole or not at all. Wider elements come first, so that every tensor is aligned to its element; otherwise
// the order of the map. Throws Error{failed}: the file cannot be written, a name is not UTF-8, a view's bytes
// do not fit its dtype and shape.
void write_safetensors(const std::filesystem::path& path, const std::map<std::string, TensorView>& tensors,
                       const std::map<std::string, std::string>& metadata, Seal seal = Seal::none);
void write_safetensors(const Folder& folder, const std::string& name, const std::map<std::string, TensorView>& tensors,
                       const std::map<std::string, std::string>& metadata, Seal seal = Seal::none);

}  // namespace wring

// The reader of checkpoints: a file is refused, or every tensor lies inside it and has the bytes that its shape needs.
#include <cstdio>
#include <cstdlib>

#include "fuzz/fuzz_target.h"
#include "wring/base/error.h"
#include "wring/files/files.h"
#include "wring_train/weights/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string path = wring::fuzz::file_of({reinterpret_cast<const char*>(data), size});
  try {
    const wring::SafetensorsFile file(path);
    std::size_t bytes = 0;
    unsigned sum = 0;
    for (const auto& [name, tensor] : file.tensors()) {
      bytes += tensor.data.size();
      for (const std::byte value : tensor.data) sum += std::to_integer<unsigned>(value);  // reads outside would crash
    }
    if (bytes > size) {
      std::fprintf(stderr, "tensors of %zu bytes in a file of %zu (%u)\n", bytes, size, sum);
      std::abort();
    }
  } catch (const wring::Error&) {
  }
  return 0;
}

namespace wring::fuzz {
namespace {

std::string file(const std::string& header, std::size_t data_bytes) {
  std::string text;
  for (int i = 0; i < 8; ++i) text += static_cast<char>(header.size() >> (8 * i));
  return text + header + std::string(data_bytes, 'd');
}

}  // namespace

std::vector<std::string> seeds() {
  return {
      file(R"({})", 0), file(R"({"w":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}})", 24),
      file(
          R"({"__metadata__":{"scale":"4"},"a":{"dtype":"BF16","shape":[4],"data_offsets":[0,8]},"b":{"dtype":"U8","shape":[],"data_offsets":[8,9]}})",
          9),
      file(
          R"({"z":{"dtype":"I64","shape":[0,5],"data_offsets":[0,0]},"y":{"dtype":"F16","shape":[1,1,3],"data_offsets":[0,6]}})",
          6)};
}

std::vector<std::string> dictionary() {
  return {"\"dtype\":",
          "\"shape\":",
          "\"data_offsets\":",
          "\"F32\"",
          "\"U8\"",
          "[",
          "]",
          "{",
          "}",
          ",",
          "\"",
          "\\u0000",
          "-1",
          "1e9",
          "0",
          "9223372036854775807",
          "18446744073709551615",
          "18446744073709551616",
          "null",
          "\xff"};
}

}  // namespace wring::fuzz

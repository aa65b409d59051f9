#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace wring {

// A tensor in a file, as the safetensors format describes it.
struct TensorView {
  std::string dtype;  // "F32", "BF16", "F16", "F64", "I64", "I32", "U8", "BOOL"
  std::vector<std::int64_t> shape;
  std::span<const std::byte> data;  // row-major, little-endian
};

// Of one element; nullopt for a dtype that is not known or has no whole bytes.
std::optional<std::size_t> dtype_bytes(std::string_view dtype);

// Elements × bytes of one; nullopt when that does not fit 63 bits, or when an extent is negative.
std::optional<std::uint64_t> bytes_of(std::span<const std::int64_t> shape, std::size_t element_bytes);

}  // namespace wring

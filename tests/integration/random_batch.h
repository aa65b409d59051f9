#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "wring_train/data/batch.h"
#include "wring_train/data/random.h"

namespace wring {

inline std::shared_ptr<std::uint8_t> random_bytes(std::size_t count, std::uint64_t seed) {
  std::shared_ptr<std::uint8_t> bytes(new std::uint8_t[count], std::default_delete<std::uint8_t[]>());
  for (std::size_t i = 0; i < count; ++i) bytes.get()[i] = static_cast<std::uint8_t>(random_bits(seed, 0, i) >> 56);
  return bytes;
}

// Noise, which no network can learn but every engine must treat alike.
inline Batch random_batch(int size, int lr_patch, int scale, std::uint64_t seed) {
  Batch batch;
  batch.size = size;
  batch.lr_patch = lr_patch;
  batch.hr_patch = lr_patch * scale;
  batch.lr = random_bytes(std::size_t(size) * lr_patch * lr_patch * 3, seed);
  batch.hr = random_bytes(std::size_t(size) * batch.hr_patch * batch.hr_patch * 3, seed + 1);
  return batch;
}

// The same samples as one batch.
inline Batch joined(const Batch& a, const Batch& b) {
  Batch both = a;
  both.size = a.size + b.size;
  const auto join = [&](const std::shared_ptr<std::uint8_t>& x, const std::shared_ptr<std::uint8_t>& y, int side) {
    const std::size_t first = std::size_t(a.size) * side * side * 3;
    const std::size_t second = std::size_t(b.size) * side * side * 3;
    std::shared_ptr<std::uint8_t> bytes(new std::uint8_t[first + second], std::default_delete<std::uint8_t[]>());
    std::copy_n(x.get(), first, bytes.get());
    std::copy_n(y.get(), second, bytes.get() + first);
    return bytes;
  };
  both.lr = join(a.lr, b.lr, a.lr_patch);
  both.hr = join(a.hr, b.hr, a.hr_patch);
  return both;
}

}  // namespace wring

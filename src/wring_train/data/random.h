#pragma once
#include <cstdint>

namespace wring {

// Stateless random numbers: a value depends on (seed, stream, counter) alone, so any worker, process or
// device draws the same numbers for the same sample, and resuming needs no state. The mixing function is the
// finaliser of SplitMix64 (Steele, Lea, Flood 2014), applied once per word of input.
constexpr std::uint64_t mix64(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

constexpr std::uint64_t random_bits(std::uint64_t seed, std::uint64_t stream, std::uint64_t counter) {
  return mix64(mix64(mix64(seed) ^ stream) ^ counter);
}

// Uniform in [0, bound), by the high half of a 32×32-bit product: no division, the same on every device.
constexpr std::uint32_t random_below(std::uint64_t bits, std::uint32_t bound) {
  return static_cast<std::uint32_t>(((bits >> 32) * bound) >> 32);
}

// Element `index` of a pseudo-random permutation of [0, size), chosen by (seed, number): a four-round Feistel
// network on the next power of four, walked until it lands inside. Needs no table and no order of calls.
constexpr std::uint64_t permuted_index(std::uint64_t seed, std::uint64_t number, std::uint64_t index,
                                       std::uint64_t size) {
  int half_bits = 1;
  while ((std::uint64_t{1} << (2 * half_bits)) < size) ++half_bits;
  const std::uint64_t mask = (std::uint64_t{1} << half_bits) - 1;
  do {
    std::uint64_t left = index >> half_bits;
    std::uint64_t right = index & mask;
    for (std::uint64_t round = 0; round < 4; ++round) {
      const std::uint64_t next = left ^ (random_bits(seed, number * 4 + round, right) & mask);
      left = right;
      right = next;
    }
    index = (left << half_bits) | right;
  } while (index >= size);
  return index;
}

}  // namespace wring

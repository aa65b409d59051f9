#pragma once
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <string>

#include <fmt/format.h>

#include "wring_train/data/random.h"

namespace wring {

// Two chains of mix64 over the same words: 128 bits, so that two lists of facts never share a name. Not against malice.
class Fingerprint {
 public:
  void add(std::uint64_t word) {
    a_ = mix64(a_ ^ word);
    b_ = mix64(b_ + mix64(word));
  }
  void add(const std::string& text) {
    add(text.size());
    for (std::size_t i = 0; i < text.size(); i += sizeof(std::uint64_t)) {
      std::uint64_t word = 0;
      std::memcpy(&word, text.data() + i, std::min(sizeof word, text.size() - i));
      add(word);
    }
  }
  // 32 hexadecimal digits.
  std::string text() const { return fmt::format("{:016x}{:016x}", a_, b_); }

 private:
  std::uint64_t a_ = 1;
  std::uint64_t b_ = 2;
};

// Of a file's bytes, wherever it lies. Throws Error{failed} where it cannot be read.
Fingerprint file_fingerprint(const std::filesystem::path& path);

}  // namespace wring

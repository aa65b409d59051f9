#pragma once
#include <array>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <streambuf>

#include <zlib.h>

#include "wring/base/text.h"

namespace wring {

// The content of a file that may be compressed by gzip: its first bytes tell. It is read piece by piece, and no more of
// it than kMostContent.
class GzipBuffer : public std::streambuf {
 public:
  static constexpr std::size_t kMostContent = std::size_t{2} << 30;

  // Throws Unreadable where the system does not let it be read, Error{failed} naming the file where it is a link, no
  // regular file, or another user's.
  explicit GzipBuffer(const std::filesystem::path& path);
  ~GzipBuffer() override;
  GzipBuffer(const GzipBuffer&) = delete;
  GzipBuffer& operator=(const GzipBuffer&) = delete;

  // What is wrong with the content, once the stream has ended: it then ended too early.
  const std::optional<Text>& damage() const { return damage_; }

 protected:
  // Throws Unreadable where the disk fails.
  int_type underflow() override;

 private:
  std::filesystem::path path_;
  gzFile file_ = nullptr;
  std::size_t given_ = 0;
  std::optional<Text> damage_;
  std::array<char, std::size_t{1} << 16> buffer_;
};

}  // namespace wring

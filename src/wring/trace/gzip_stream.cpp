#include "wring/trace/gzip_stream.h"

#include <cerrno>

#include "wring/files/descriptor.h"
#include "wring/files/file_errors.h"
#include "wring/files/folder.h"

namespace wring {

GzipBuffer::GzipBuffer(const std::filesystem::path& path) : path_(path) {
  Descriptor file = open_own_file(path);
  file_ = ::gzdopen(file.get(), "rb");
  if (file_ == nullptr) throw_unreadable(path, ENOMEM);
  file.release();  // gzclose() closes it
}

GzipBuffer::~GzipBuffer() {
  ::gzclose(file_);
}

GzipBuffer::int_type GzipBuffer::underflow() {
  if (damage_) return traits_type::eof();
  if (given_ > kMostContent) {
    damage_ = Text("it holds more than {} MiB", "内容超过 {} MiB", kMostContent >> 20);
    return traits_type::eof();
  }
  const int got = ::gzread(file_, buffer_.data(), static_cast<unsigned>(buffer_.size()));
  if (got > 0) {
    given_ += static_cast<std::size_t>(got);
    setg(buffer_.data(), buffer_.data(), buffer_.data() + got);
    return traits_type::to_int_type(buffer_[0]);
  }
  int error = Z_OK;
  ::gzerror(file_, &error);
  if (error == Z_ERRNO) throw_unreadable(path_, errno);
  if (error == Z_BUF_ERROR) {
    damage_ = Text("its compressed data ends too early", "压缩数据不完整");
  } else if (error != Z_OK && error != Z_STREAM_END) {
    damage_ = Text("its compressed data is damaged", "压缩数据已损坏");
  }
  return traits_type::eof();
}

}  // namespace wring

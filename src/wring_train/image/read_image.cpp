#include <algorithm>
#include <cerrno>
#include <memory>
#include <utility>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "wring/base/error.h"
#include "wring/files/file_errors.h"
#include "wring_train/image/codecs.h"
#include "wring_train/image/image.h"
#include "wring_train/image/orientation.h"

namespace wring {
namespace fs = std::filesystem;
namespace {

constexpr std::uint64_t kMaxPixels = std::uint64_t{1} << 28;
// Holds the header of nearly every file; those with a large thumbnail or colour profile first are read whole.
constexpr std::size_t kHeaderBytes = std::size_t{1} << 16;

[[noreturn]] void fail(const fs::path& path, const std::string& reason, Text hint) {
  throw Error(ErrorCode::failed, fmt::format("cannot read the image {}: {}", path.string(), reason), std::move(hint));
}

struct FileContent {
  std::unique_ptr<std::uint8_t[]> bytes;  // not a vector, which would clear the memory before it is read into
  std::size_t size = 0;
  bool whole = false;
  Bytes span() const { return {bytes.get(), size}; }
};

// The first `limit` bytes of the file, or all of it when it is shorter.
FileContent read_content(const fs::path& path, std::uintmax_t limit) {
  const Descriptor file = open_regular_file(path);
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) throw_unreadable(path, errno);
  const auto file_size = static_cast<std::uintmax_t>(status.st_size);
  FileContent content;
  const auto wanted = static_cast<std::size_t>(std::min(limit, file_size));
  content.bytes = std::make_unique_for_overwrite<std::uint8_t[]>(wanted);
  while (content.size < wanted) {
    const ssize_t got = ::read(file.get(), content.bytes.get() + content.size, wanted - content.size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw_unreadable(path, errno);
    if (got == 0) break;  // it was cut short meanwhile
    content.size += static_cast<std::size_t>(got);
  }
  content.whole = content.size == file_size;
  return content;
}

const Codec& codec_of(const fs::path& path, Bytes content) {
  if (content.empty()) fail(path, "the file is empty", "copy or download it again, or remove it");
  for (const Codec* codec : {&kJpegCodec, &kPngCodec, &kWebpCodec}) {
    if (codec->recognises(content)) return *codec;
  }
  fail(path, "its content is neither JPEG, PNG nor WebP", "convert it to PNG, or remove it");
}

// Runs `decode` with the file's name added to what it throws.
template <class Decode>
auto named(const fs::path& path, const Decode& decode) {
  try {
    return decode();
  } catch (const DecodeError& error) {
    fail(path, error.what(), "copy or download it again, convert it to PNG, or remove it");
  }
}

}  // namespace

void check_size(std::uint64_t width, std::uint64_t height) {
  if (width == 0 || height == 0) throw DecodeError("it has no pixels");
  if (width > kMaxPixels || height > kMaxPixels || width * height > kMaxPixels) {
    throw DecodeError(fmt::format("its size, {} x {}, is larger than 2^28 pixels", width, height));
  }
}

void check_claim(std::uint64_t claimed, std::uint64_t most, Bytes content) {
  if (claimed / most <= content.size()) return;
  throw DecodeError(fmt::format(
      "its {} bytes are too few for the size in its header; the file ends too early or is no image", content.size()));
}

void check_blank(std::uint64_t width, std::uint64_t height, Bytes content) {
  constexpr std::uint64_t kAnyPixels = std::uint64_t{1} << 24;
  constexpr std::uint64_t kPixelsOfOneByte = std::uint64_t{1} << 14;
  if (width * height > kAnyPixels) check_claim(width * height, kPixelsOfOneByte, content);
}

Rectangle inside(const Rectangle& wanted, int width, int height) {
  const int left = std::max(0, wanted.x);
  const int top = std::max(0, wanted.y);
  const int right = std::min(width, wanted.x + wanted.width);
  const int bottom = std::min(height, wanted.y + wanted.height);
  if (left >= right || top >= bottom) throw DecodeError(fmt::format("it is {} x {}, too small", width, height));
  return {left, top, right - left, bottom - top};
}

Image read_image(const fs::path& path, Alpha alpha) {
  const FileContent content = read_content(path, UINTMAX_MAX);
  const Codec& codec = codec_of(path, content.span());
  return named(path, [&] {
    const Orientation orientation = orientation_in(codec.exif(content.span()));
    return upright(codec.decode(content.span(), alpha), orientation);
  });
}

ImagePart read_image_part(const fs::path& path, const Rectangle& wanted) {
  const FileContent content = read_content(path, UINTMAX_MAX);
  const Codec& codec = codec_of(path, content.span());
  return named(path, [&] {
    const Orientation orientation = orientation_in(codec.exif(content.span()));
    if (orientation == Orientation()) return codec.decode_part(content.span(), wanted);
    const ImageSize stored = codec.read_size(content.span());
    return upright(codec.decode_part(content.span(), stored_place(wanted, orientation, stored)), orientation);
  });
}

ImageSize read_image_size(const fs::path& path) {
  FileContent content = read_content(path, kHeaderBytes);
  const Codec& codec = codec_of(path, content.span());
  const auto size_in = [&codec](Bytes bytes) {
    return upright(codec.read_size(bytes), orientation_in(codec.exif(bytes)));
  };
  if (!content.whole) {
    try {
      return size_in(content.span());
    } catch (const DecodeError&) {  // the header may go on behind what was read
      content = read_content(path, UINTMAX_MAX);
    }
  }
  return named(path, [&] { return size_in(content.span()); });
}

}  // namespace wring

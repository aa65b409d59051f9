// Headers that claim more than there is: refused before memory is taken for it.
#include <algorithm>
#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixtures/with_folder.h"
#include "image_writers.h"
#include "test_images.h"
#include "wring/base/error.h"
#include "wring/base/system_memory.h"
#include "wring/files/files.h"
#include "wring_train/image/image.h"

namespace wring {
namespace {

using testing::HasSubstr;

std::string big_endian(std::uint32_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(value >> shift & 0xff));
  return bytes;
}

std::string chunk(const std::string& type, const std::string& data) {
  const std::string checked = type + data;
  const auto sum = ::crc32(0, reinterpret_cast<const Bytef*>(checked.data()), static_cast<uInt>(checked.size()));
  return big_endian(static_cast<std::uint32_t>(data.size())) + checked + big_endian(static_cast<std::uint32_t>(sum));
}

constexpr std::size_t kHeaderEnd = 33;  // of signature and IHDR

class ImageClaims : public WithFolder {
 protected:
  std::filesystem::path file(const std::string& content) const {
    write_file_atomically(folder_ / "image", content);
    return folder_ / "image";
  }
  // 16 bits, so that libpng reads it and not the fast way for plain files.
  static std::string png() {
    PngToWrite png;
    png.width = png.height = 8;
    png.bits = 16;
    png.type = PNG_COLOR_TYPE_GRAY;
    png.packed.assign(std::size_t{8} * 8 * 2, 7);
    return encode_png(png);
  }
  static std::string reason(const std::function<void()>& read) {
    try {
      read();
    } catch (const Error& error) {
      return error.what();
    }
    return "none";
  }
  // By how many MiB of addresses the process grows at most (255: more than can be told).
  static int growth_mib(const std::function<void()>& read) {
    const pid_t child = ::fork();
    if (child == 0) {
      const std::int64_t before = process_memory_peak().virtual_bytes.value_or(0);
      reason(read);
      const std::int64_t after = process_memory_peak().virtual_bytes.value_or(std::int64_t{1} << 40);
      ::_exit(static_cast<int>(std::min<std::int64_t>(255, (after - before) >> 20)));
    }
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 256;
  }
  void expect_refused(const std::string& content, const std::string& why) const {
    const auto path = file(content);
    const auto size = [&] { read_image_size(path); };
    const auto pixels = [&] { read_image(path); };
    EXPECT_THAT(reason(pixels), HasSubstr(why));
    EXPECT_LT(growth_mib(size), 100);
    EXPECT_LT(growth_mib(pixels), 100);
  }
};

TEST_F(ImageClaims, OfAPngChunkAreBoundByTheFile) {
  const std::string start = png().substr(0, kHeaderEnd);
  for (const char* type : {"tEXt", "zTXt", "iTXt", "iCCP", "eXIf", "sPLT", "abCd"}) {
    expect_refused(start + big_endian(0x7fffffff) + type + std::string(100, 'x'), "damaged PNG");
  }
}

TEST_F(ImageClaims, CompressedTextOfAPngIsNotUnpacked) {
  const std::string plain(std::size_t{200} << 20, 'x');
  uLongf bytes = ::compressBound(plain.size());
  std::string packed(bytes, '\0');
  ASSERT_EQ(::compress2(reinterpret_cast<Bytef*>(packed.data()), &bytes, reinterpret_cast<const Bytef*>(plain.data()),
                        plain.size(), 1),
            Z_OK);
  packed.resize(bytes);
  std::string content = png();
  content.insert(kHeaderEnd, chunk("zTXt", std::string("bomb") + '\0' + '\0' + packed) +
                                 chunk("iCCP", std::string("bomb") + '\0' + '\0' + packed));
  const auto path = file(content);
  EXPECT_EQ(read_image(path).width, 8);
  EXPECT_LT(growth_mib([&] { read_image(path); }), 100);
}

TEST_F(ImageClaims, AMegabyteOfTextIsHarmless) {
  std::string content = png();
  content.insert(kHeaderEnd, chunk("tEXt", "note" + std::string(1, '\0') + std::string(std::size_t{1} << 20, 'x')));
  const auto path = file(content);
  EXPECT_EQ(read_image_size(path).width, 8);
  EXPECT_EQ(read_image(path).pixels, std::vector<std::uint8_t>(64, 7));
}

TEST_F(ImageClaims, OfAnArithmeticJpegAreRefusedWhereItsFewBytesCannotBeAPhotograph) {
  const std::string sof9 =
      std::string("\xff\xc9\x00\x0b\x08", 5) + std::string("\x3f\xff\x3f\xff", 4) + std::string("\x01\x01\x11\x00", 4);
  const std::string sos("\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00", 10);
  expect_refused("\xff\xd8" + sof9 + sos + std::string(100, 'x'), "too few");
}

#if __has_include(<webp/decode.h>)
std::string webp(const std::string& type, const std::string& data) {
  const auto little_endian = [](std::size_t value) {
    std::string bytes;
    for (int i = 0; i < 4; ++i) bytes.push_back(static_cast<char>(value >> (8 * i) & 0xff));
    return bytes;
  };
  const std::string body = "WEBP" + type + little_endian(data.size()) + data;
  return "RIFF" + little_endian(body.size()) + body;
}

TEST_F(ImageClaims, OfAWebpAreRefusedWhereItsFewBytesCannotBeAPhotograph) {
  const std::string lossless("\x2f\xfe\xff\xff\x0f", 5);  // 16383 × 16384, no alpha
  expect_refused(webp("VP8L", lossless + std::string(25, '\0')), "too few");
  const std::string lossy =
      std::string("\x10\x02\x00\x9d\x01\x2a\xff\x3f\xff\x3f", 10);  // a key frame of 16383 × 16383
  expect_refused(webp("VP8 ", lossy + std::string(20, '\0')), "too few");
}
#endif

}  // namespace
}  // namespace wring

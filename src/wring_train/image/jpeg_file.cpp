#include <algorithm>
#include <array>
#include <csetjmp>
#include <cstdio>
#include <cstring>
#include <new>
#include <string>
#include <string_view>

// jpeglib.h uses size_t and FILE without including what declares them.
#include <jerror.h>
#include <jpeglib.h>

#include "wring_train/image/codecs.h"

namespace wring {
namespace {

// More than a block's width of subsampled chroma.
constexpr int kColumnMargin = 32;

// libjpeg reports errors by a callback that must not return. The jump goes back to `run`, from where a C++
// exception is thrown; nothing between the two has a destructor.
struct ErrorManager {
  jpeg_error_mgr base;  // first, so that libjpeg's pointer to it is a pointer to this
  std::jmp_buf jump;
  char message[JMSG_LENGTH_MAX];
};

[[noreturn]] void on_error(j_common_ptr info) {
  auto* errors = reinterpret_cast<ErrorManager*>(info->err);
  errors->base.format_message(info, errors->message);
  std::longjmp(errors->jump, 1);
}

// libjpeg only warns about lost pixels and fills them with gray. Training must not see those. Its other
// warnings (stray bytes between segments, odd version numbers) cost no pixel.
bool loses_pixels(int message_code) {
  return message_code == JWRN_JPEG_EOF || message_code == JWRN_HIT_MARKER || message_code == JWRN_HUFF_BAD_CODE ||
         message_code == JWRN_MUST_RESYNC;
}

void on_message(j_common_ptr info, int level) {
  if (level < 0 && loses_pixels(info->err->msg_code)) on_error(info);
}

// A block of 64 coefficients takes a bit at least where it is coded by Huffman, and stands for 16 times as many pixels
// at most, where its component is subsampled by four both ways. Real photographs stay below 300.
constexpr std::uint64_t kMostPixelsOfOneByte = std::uint64_t{8} * 64 * 16;

class Decompressor {
 public:
  Decompressor() {
    info_.err = jpeg_std_error(&errors_.base);
    errors_.base.error_exit = on_error;
    errors_.base.emit_message = on_message;
    run([&] { jpeg_create_decompress(&info_); });
  }
  ~Decompressor() { jpeg_destroy_decompress(&info_); }
  Decompressor(const Decompressor&) = delete;
  Decompressor& operator=(const Decompressor&) = delete;

  // Not in the constructor: a damaged header throws, and what libjpeg took must be given back then.
  ImageSize read_header(Bytes content) {
    run([&] {
      jpeg_mem_src(&info_, content.data(), static_cast<unsigned long>(content.size()));
      jpeg_read_header(&info_, TRUE);
    });
    check_size(info_.image_width, info_.image_height);
    return {static_cast<int>(info_.image_width), static_cast<int>(info_.image_height)};
  }

  jpeg_decompress_struct& info() { return info_; }

  // Of a whole file, after its header.
  void check_pixels(Bytes content) const {
    if (info_.arith_code != 0) return check_blank(info_.image_width, info_.image_height, content);
    check_claim(std::uint64_t{info_.image_width} * info_.image_height, kMostPixelsOfOneByte, content);
  }

  // Calls libjpeg; its errors come out as DecodeError or std::bad_alloc. `step` must own nothing: it may be jumped out
  // of.
  template <class Step>
  void run(const Step& step) {
    if (setjmp(errors_.jump) != 0) {
      if (errors_.base.msg_code == JERR_OUT_OF_MEMORY) throw std::bad_alloc();
      throw DecodeError(std::string("damaged JPEG: ") + errors_.message);
    }
    step();
  }

 private:
  jpeg_decompress_struct info_{};
  ErrorManager errors_{};
};

void read_rows(Decompressor& jpeg, std::uint8_t* pixels, std::size_t row_bytes) {
  auto& info = jpeg.info();
  jpeg.run([&] {
    while (info.output_scanline < info.output_height) {
      std::array<JSAMPROW, 8> rows;
      for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = pixels + (info.output_scanline + i) * row_bytes;
      const auto left = static_cast<JDIMENSION>(info.output_height - info.output_scanline);
      jpeg_read_scanlines(&info, rows.data(), std::min(left, static_cast<JDIMENSION>(rows.size())));
    }
  });
}

// Adobe's programs store CMYK complemented (255: no ink) and say so by their marker.
Image cmyk_to_rgb(const Image& cmyk, bool complemented) {
  Image rgb(cmyk.width, cmyk.height, 3);
  const int flip = complemented ? 0 : 255;
  const std::size_t pixels = std::size_t(cmyk.width) * cmyk.height;
  for (std::size_t i = 0; i < pixels; ++i) {
    const int black = cmyk.pixels[i * 4 + 3] ^ flip;
    for (std::size_t c = 0; c < 3; ++c) {
      rgb.pixels[i * 3 + c] = static_cast<std::uint8_t>(((cmyk.pixels[i * 4 + c] ^ flip) * black + 127) / 255);
    }
  }
  return rgb;
}

bool recognises(Bytes content) {
  return content.size() >= 3 && content[0] == 0xff && content[1] == 0xd8 && content[2] == 0xff;
}

ImageSize read_size(Bytes content) {
  Decompressor jpeg;
  return jpeg.read_header(content);
}

Image decode(Bytes content, Alpha) {
  Decompressor jpeg;
  jpeg.read_header(content);
  jpeg.check_pixels(content);
  auto& info = jpeg.info();
  const bool gray = info.jpeg_color_space == JCS_GRAYSCALE;
  const bool ink = info.jpeg_color_space == JCS_CMYK || info.jpeg_color_space == JCS_YCCK;
  info.out_color_space = gray ? JCS_GRAYSCALE : ink ? JCS_CMYK : JCS_RGB;
  jpeg.run([&] { jpeg_start_decompress(&info); });
  Image image(static_cast<int>(info.output_width), static_cast<int>(info.output_height), info.output_components);
  read_rows(jpeg, image.pixels.data(), std::size_t(image.width) * image.channels);
  return ink ? cmyk_to_rgb(image, info.saw_Adobe_marker != 0) : image;
}

// Only the wanted rows and columns go through the inverse transform and the colour conversion; the compressed bits
// before them must still be read, those after them are not.
ImagePart decode_part(Bytes content, const Rectangle& wanted) {
  Decompressor jpeg;
  const ImageSize size = jpeg.read_header(content);
  jpeg.check_pixels(content);
  auto& info = jpeg.info();
  const bool gray = info.jpeg_color_space == JCS_GRAYSCALE;
  if (info.jpeg_color_space == JCS_CMYK || info.jpeg_color_space == JCS_YCCK)
    return whole(decode(content, Alpha::drop));
  const Rectangle part = inside(wanted, size.width, size.height);
  info.out_color_space = gray ? JCS_GRAYSCALE : JCS_RGB;
  // Where chroma is subsampled the columns at the rectangle's edge are interpolated without their neighbours outside.
  const int left = std::max(0, part.x - kColumnMargin);
  const int right = std::min(size.width, part.x + part.width + kColumnMargin);
  auto first_column = static_cast<JDIMENSION>(left);
  auto columns = static_cast<JDIMENSION>(right - left);
  jpeg.run([&] {
    jpeg_start_decompress(&info);
    jpeg_crop_scanline(&info, &first_column, &columns);  // moves the left edge to the beginning of a block
  });
  Image image(static_cast<int>(columns), part.height, info.output_components);
  const std::size_t row_bytes = std::size_t(image.width) * image.channels;
  jpeg.run([&] {
    if (part.y > 0) jpeg_skip_scanlines(&info, static_cast<JDIMENSION>(part.y));
    for (int y = 0; y < part.height;) {
      JSAMPROW row = image.pixels.data() + y * row_bytes;
      y += static_cast<int>(jpeg_read_scanlines(&info, &row, 1));
    }
  });
  const int skipped = part.x - static_cast<int>(first_column);
  return {crop(image, skipped, 0, part.width, part.height), part.x, part.y, size.width, size.height};
}

// Segments: 0xff, a marker, the size as 16 bits (its own two bytes included), the data. Exif data stand in one of those
// for applications. Only before the picture's size: a header that could be read holds them then.
Bytes exif(Bytes content) {
  constexpr std::uint8_t kApplication1 = 0xe1;
  constexpr std::string_view kPrefix("Exif\0\0", 6);
  const auto begins_frame = [](std::uint8_t marker) {  // but for tables between them
    return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
  };
  for (std::size_t at = 2; at + 4 <= content.size() && content[at] == 0xff;) {
    const std::uint8_t marker = content[at + 1];
    if (marker == 0xff) {  // filling
      ++at;
      continue;
    }
    const std::size_t size = content[at + 2] << 8 | content[at + 3];
    if (begins_frame(marker) || size < 2 || size > content.size() - at - 2) break;
    const Bytes data = content.subspan(at + 4, size - 2);
    const bool named = data.size() > kPrefix.size() && std::memcmp(data.data(), kPrefix.data(), kPrefix.size()) == 0;
    if (marker == kApplication1 && named) return data;
    at += 2 + size;
  }
  return {};
}

}  // namespace

const Codec kJpegCodec{recognises, read_size, decode, decode_part, exif};

}  // namespace wring

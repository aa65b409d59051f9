#pragma once
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include <jpeglib.h>
#include <png.h>
#include <zlib.h>

// Writes the files that the readers are tested on, through libjpeg and libpng, so that no binary fixture is
// needed.
namespace wring {

struct JpegToWrite {
  int width = 0;
  int height = 0;
  int components = 3;
  J_COLOR_SPACE pixels_are = JCS_RGB;
  J_COLOR_SPACE stored_as = JCS_YCbCr;
  bool adobe_marker = false;
  bool progressive = false;
  int luma_horizontal = 1;  // sampling factors of the first component; 2 and 2 halve chroma both ways
  int luma_vertical = 1;
  int header_padding = 0;  // bytes of comments before the image header
  std::vector<std::uint8_t> pixels;
};

inline std::string encode_jpeg(const JpegToWrite& image) {
  jpeg_compress_struct info{};
  jpeg_error_mgr errors{};
  info.err = jpeg_std_error(&errors);
  jpeg_create_compress(&info);
  unsigned char* bytes = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&info, &bytes, &size);
  info.image_width = static_cast<JDIMENSION>(image.width);
  info.image_height = static_cast<JDIMENSION>(image.height);
  info.input_components = image.components;
  info.in_color_space = image.pixels_are;
  jpeg_set_defaults(&info);
  jpeg_set_colorspace(&info, image.stored_as);
  info.write_Adobe_marker = image.adobe_marker ? TRUE : FALSE;
  jpeg_set_quality(&info, 100, TRUE);
  for (int c = 0; c < info.num_components; ++c) {
    info.comp_info[c].h_samp_factor = c == 0 ? image.luma_horizontal : 1;
    info.comp_info[c].v_samp_factor = c == 0 ? image.luma_vertical : 1;
  }
  if (image.progressive) jpeg_simple_progression(&info);
  jpeg_start_compress(&info, TRUE);
  for (int left = image.header_padding; left > 0; left -= 65533) {
    const std::vector<JOCTET> comment(static_cast<std::size_t>(left < 65533 ? left : 65533), 'x');
    jpeg_write_marker(&info, JPEG_COM, comment.data(), static_cast<unsigned>(comment.size()));
  }
  while (info.next_scanline < info.image_height) {
    auto* row =
        const_cast<JSAMPROW>(image.pixels.data() + std::size_t(info.next_scanline) * image.width * image.components);
    jpeg_write_scanlines(&info, &row, 1);
  }
  jpeg_finish_compress(&info);
  std::string file(reinterpret_cast<char*>(bytes), size);
  jpeg_destroy_compress(&info);
  std::free(bytes);
  return file;
}

struct PngToWrite {
  int width = 0;
  int height = 0;
  int bits = 8;
  int type = PNG_COLOR_TYPE_RGB;
  bool interlaced = false;
  int filters = PNG_ALL_FILTERS;  // the predictors that rows may use
  std::vector<png_color> palette;
  std::vector<png_byte> palette_alpha;
  int transparent_gray = -1;
  double gamma = 0;                  // 0: no gAMA chunk
  std::vector<std::uint8_t> packed;  // rows as PNG stores them: packed bits, big-endian 16-bit samples
};

inline std::string encode_png(const PngToWrite& image) {
  std::string file;
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  png_set_write_fn(
      png, &file,
      [](png_structp p, png_bytep bytes, std::size_t size) {
        static_cast<std::string*>(png_get_io_ptr(p))->append(reinterpret_cast<char*>(bytes), size);
      },
      nullptr);
  png_set_IHDR(png, info, static_cast<png_uint_32>(image.width), static_cast<png_uint_32>(image.height), image.bits,
               image.type, image.interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
               PNG_FILTER_TYPE_DEFAULT);
  png_set_filter(png, PNG_FILTER_TYPE_BASE, image.filters);
  if (!image.palette.empty()) png_set_PLTE(png, info, image.palette.data(), static_cast<int>(image.palette.size()));
  if (!image.palette_alpha.empty()) {
    png_set_tRNS(png, info, image.palette_alpha.data(), static_cast<int>(image.palette_alpha.size()), nullptr);
  }
  if (image.transparent_gray >= 0) {
    png_color_16 key{};
    key.gray = static_cast<png_uint_16>(image.transparent_gray);
    png_set_tRNS(png, info, nullptr, 0, &key);
  }
  if (image.gamma > 0) png_set_gAMA(png, info, image.gamma);
  png_write_info(png, info);
  const std::size_t row_bytes = png_get_rowbytes(png, info);
  std::vector<png_bytep> rows;
  for (int y = 0; y < image.height; ++y) rows.push_back(const_cast<png_bytep>(image.packed.data() + y * row_bytes));
  png_write_image(png, rows.data());
  png_write_end(png, info);
  png_destroy_write_struct(&png, &info);
  return file;
}

}  // namespace wring

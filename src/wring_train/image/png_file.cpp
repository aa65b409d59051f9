#include <algorithm>
#include <csetjmp>
#include <cstring>
#include <new>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <png.h>

#include "wring/base/error.h"
#include "wring/files/files.h"
#include "wring_train/image/codecs.h"
#include "wring_train/image/plain_png.h"

namespace wring {
namespace {

constexpr std::size_t kSignatureBytes = 8;
constexpr int kCompressionLevel = 3;  // of 9: half the time of the default for a few per cent of size

struct Source {
  const std::uint8_t* at;
  std::size_t left;
};

void read_bytes(png_structp png, png_bytep to, std::size_t size) {
  auto* source = static_cast<Source*>(png_get_io_ptr(png));
  if (size > source->left) png_error(png, "the file ends too early");
  std::memcpy(to, source->at, size);
  source->at += size;
  source->left -= size;
}

void write_bytes(png_structp png, png_bytep from, std::size_t size) {
  auto* file = static_cast<std::ostream*>(png_get_io_ptr(png));
  file->write(reinterpret_cast<const char*>(from), static_cast<std::streamsize>(size));
  if (!*file) png_error(png, "it cannot be written");
}

void flush_bytes(png_structp) {}

// libpng reports errors by a callback that must not return. The jump goes back to `run`, from where a C++
// exception is thrown; nothing between the two has a destructor.
struct Errors {
  std::jmp_buf jump;
  char message[128];
  bool out_of_memory;
};

[[noreturn]] void on_error(png_structp png, png_const_charp message) {
  auto* errors = static_cast<Errors*>(png_get_error_ptr(png));
  std::strncpy(errors->message, message, sizeof errors->message - 1);
  errors->out_of_memory =
      ::strcasestr(message, "out of memory") != nullptr || ::strcasestr(message, "insufficient memory") != nullptr;
  std::longjmp(errors->jump, 1);
}

void on_warning(png_structp, png_const_charp) {}  // about side information; lost pixels are errors

class Png {
 public:
  enum class Mode { read, write };
  explicit Png(Mode mode) : mode_(mode) {
    png_ = mode == Mode::read ? png_create_read_struct(PNG_LIBPNG_VER_STRING, &errors_, on_error, on_warning)
                              : png_create_write_struct(PNG_LIBPNG_VER_STRING, &errors_, on_error, on_warning);
    if (png_ != nullptr) info_ = png_create_info_struct(png_);
    if (info_ == nullptr) throw std::bad_alloc();
  }
  ~Png() {
    if (mode_ == Mode::read) {
      png_destroy_read_struct(&png_, &info_, nullptr);
    } else {
      png_destroy_write_struct(&png_, &info_);
    }
  }
  Png(const Png&) = delete;
  Png& operator=(const Png&) = delete;

  // Calls libpng; its errors come out as DecodeError or std::bad_alloc. `step` must own nothing: it may be jumped out
  // of.
  template <class Step>
  void run(const Step& step) {
    if (setjmp(errors_.jump) != 0) {
      if (errors_.out_of_memory) throw std::bad_alloc();
      throw DecodeError(std::string("damaged PNG: ") + errors_.message);
    }
    step(png_, info_);
  }

 private:
  Mode mode_;
  Errors errors_{};
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
};

// Side information (text, profiles) is passed over without being held or decompressed; a damaged checksum of it costs
// no pixel. No chunk may claim more bytes than there are.
ImageSize read_header(Png& png, Source& source) {
  ImageSize size;
  png.run([&](png_structp p, png_infop info) {
    png_set_read_fn(p, &source, read_bytes);
    png_set_keep_unknown_chunks(p, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
    png_set_chunk_malloc_max(p, source.left);
    png_set_user_limits(p, PNG_UINT_31_MAX, PNG_UINT_31_MAX);  // check_size is stricter, and names the size
    png_read_info(p, info);
    size.width = static_cast<int>(png_get_image_width(p, info));
    size.height = static_cast<int>(png_get_image_height(p, info));
  });
  check_size(size.width, size.height);
  return size;
}

// Deflate makes at most 1032 bytes of one (a run of 258 in two bits).
constexpr std::uint64_t kMostBytesOfOne = 1032;

void check_pixels(Png& png, const ImageSize& size, Bytes content) {
  std::uint64_t bits = 0;
  png.run([&](png_structp p, png_infop info) {
    bits = std::uint64_t{png_get_bit_depth(p, info)} * png_get_channels(p, info);
  });
  check_claim(std::uint64_t(size.width) * size.height * bits / 8, kMostBytesOfOne, content);
}

// Tells libpng to deliver 8-bit gray, RGB or (with Alpha::keep) RGBA. The answer is the number of channels.
int ask_for_8_bits(Png& png, Alpha alpha) {
  int channels = 0;
  png.run([&](png_structp p, png_infop info) {
    const int type = png_get_color_type(p, info);
    const bool transparent = (type & PNG_COLOR_MASK_ALPHA) != 0 || png_get_valid(p, info, PNG_INFO_tRNS) != 0;
    const bool keep = alpha == Alpha::keep && transparent;
    if (type == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(p);
    if (type == PNG_COLOR_TYPE_GRAY) png_set_expand_gray_1_2_4_to_8(p);
    if (keep) png_set_tRNS_to_alpha(p);
    if (keep && (type & PNG_COLOR_MASK_COLOR) == 0) png_set_gray_to_rgb(p);
    if (!keep) png_set_strip_alpha(p);  // also what a palette's transparency became
    png_set_scale_16(p);                // rounds; png_set_strip_16 would cut
    png_set_interlace_handling(p);
    png_read_update_info(p, info);
    channels = png_get_channels(p, info);
  });
  return channels;
}

bool recognises(Bytes content) {
  return content.size() >= kSignatureBytes && png_sig_cmp(content.data(), 0, kSignatureBytes) == 0;
}

ImageSize read_size(Bytes content) {
  Png png(Png::Mode::read);
  Source source{content.data(), content.size()};
  return read_header(png, source);
}

std::vector<png_bytep> row_pointers(Image& image) {
  std::vector<png_bytep> rows(image.height);
  for (int y = 0; y < image.height; ++y) rows[y] = image.row(y);
  return rows;
}

Image decode(Bytes content, Alpha alpha) {
  if (auto plain = decode_plain_png(content, std::nullopt)) return std::move(plain->pixels);
  Png png(Png::Mode::read);
  Source source{content.data(), content.size()};
  const ImageSize size = read_header(png, source);
  check_pixels(png, size, content);
  Image image(size.width, size.height, ask_for_8_bits(png, alpha));
  const std::vector<png_bytep> rows = row_pointers(image);
  png.run([&](png_structp p, png_infop) {
    png_read_image(p, const_cast<png_bytepp>(rows.data()));
    png_read_end(p, nullptr);  // checks the last checksum
  });
  return image;
}

// Rows below the rectangle are not decompressed. Interlaced files hold every row in several places and are read whole.
ImagePart decode_part(Bytes content, const Rectangle& wanted) {
  if (auto plain = decode_plain_png(content, wanted)) return std::move(*plain);
  Png png(Png::Mode::read);
  Source source{content.data(), content.size()};
  const ImageSize size = read_header(png, source);
  check_pixels(png, size, content);
  bool interlaced = false;
  png.run([&](png_structp p, png_infop info) { interlaced = png_get_interlace_type(p, info) != PNG_INTERLACE_NONE; });
  if (interlaced) return whole(decode(content, Alpha::drop));
  const Rectangle part = inside(wanted, size.width, size.height);
  const int channels = ask_for_8_bits(png, Alpha::drop);
  Image image(part.width, part.height, channels);
  std::vector<png_byte> row(std::size_t(size.width) * channels);
  png.run([&](png_structp p, png_infop) {
    for (int y = 0; y < part.y + part.height; ++y) {
      png_read_row(p, row.data(), nullptr);
      if (y < part.y) continue;
      std::memcpy(image.row(y - part.y), row.data() + std::size_t(part.x) * channels,
                  std::size_t(part.width) * channels);
    }
  });
  return {std::move(image), part.x, part.y, size.width, size.height};
}

// Piece by piece: a large picture, compressed, would take as much memory again.
void encode(const Image& image, std::ostream& file) {
  Png png(Png::Mode::write);
  const int type = image.channels == 1   ? PNG_COLOR_TYPE_GRAY
                   : image.channels == 3 ? PNG_COLOR_TYPE_RGB
                                         : PNG_COLOR_TYPE_RGB_ALPHA;
  png.run([&](png_structp p, png_infop info) {
    png_set_write_fn(p, &file, write_bytes, flush_bytes);
    png_set_IHDR(p, info, image.width, image.height, 8, type, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    png_set_compression_level(p, kCompressionLevel);
    png_set_filter(p, PNG_FILTER_TYPE_BASE, PNG_FAST_FILTERS);
    png_write_info(p, info);
    for (int y = 0; y < image.height; ++y) png_write_row(p, image.row(y));
    png_write_end(p, info);
  });
}

// Chunks: the size as 32 bits, a name of four letters, the data, a checksum. Only before the pixels: what comes behind
// them is not looked for, as no header is.
Bytes exif(Bytes content) {
  constexpr std::size_t kAround = 12;  // size, name and checksum
  for (std::size_t at = kSignatureBytes; at + kAround <= content.size();) {
    const std::size_t size = png_get_uint_32(&content[at]);
    const std::string_view name(reinterpret_cast<const char*>(&content[at + 4]), 4);
    if (name == "IDAT" || size > content.size() - at - kAround) return {};
    if (name == "eXIf") return content.subspan(at + 8, size);
    at += size + kAround;
  }
  return {};
}

}  // namespace

const Codec kPngCodec{recognises, read_size, decode, decode_part, exif};

void write_png(const std::filesystem::path& path, const Image& image) {
  const FilePlace place = place_of_file(path);
  write_png(place.folder, place.name, image);
}

void write_png(const Folder& folder, const std::string& name, const Image& image) {
  const std::filesystem::path path = folder.path_of(name);
  const bool known = image.channels == 1 || image.channels == 3 || image.channels == 4;
  if (!known || image.width < 1 || image.height < 1) {
    throw Error(ErrorCode::failed, "cannot write " + path.string() + ": an image of " + std::to_string(image.width) +
                                       " x " + std::to_string(image.height) + " with " +
                                       std::to_string(image.channels) + " channels is no PNG");
  }
  write_file_atomically(folder, name, [&](std::ostream& file) {
    try {
      encode(image, file);
    } catch (const DecodeError& error) {
      if (!file) return;  // who opened it knows the system's reason
      throw Error(ErrorCode::failed, "cannot write " + path.string() + ": " + error.what());
    }
  });
}

}  // namespace wring

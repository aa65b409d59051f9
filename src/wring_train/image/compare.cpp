#include "wring_train/image/compare.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include <fmt/format.h>

#include "wring/base/error.h"
#include "wring_train/image/bitmap_font.h"

namespace wring {
namespace {

constexpr int kGap = 12;
constexpr int kTextScale = 2;
constexpr int kTextHeight = 7 * kTextScale;

int cell_width(const Panel& panel) {
  return std::max(panel.image.width, text_width(panel.caption, kTextScale));
}

void paste(Image& canvas, const Image& rgb, int left, int top) {
  for (int y = 0; y < rgb.height; ++y) {
    std::copy_n(rgb.row(y), std::size_t(rgb.width) * 3, canvas.row(top + y) + std::size_t(left) * 3);
  }
}

// Sums over all rectangles from the top left corner, with a row and a column of zeros before the first.
class EnergySums {
 public:
  explicit EnergySums(const Image& image)
      : stride_(image.width + std::size_t{1}), sums_(stride_ * (image.height + std::size_t{1})) {
    const Image gray = to_gray(image);
    for (int y = 0; y < gray.height; ++y) {
      const std::uint8_t* row = gray.row(y);
      const std::uint8_t* below = gray.row(std::min(y + 1, gray.height - 1));
      std::uint64_t in_row = 0;
      for (int x = 0; x < gray.width; ++x) {
        const int across = row[std::min(x + 1, gray.width - 1)] - row[x];
        const int down = below[x] - row[x];
        in_row += across * across + down * down;
        sums_[(y + 1) * stride_ + x + 1] = sums_[y * stride_ + x + 1] + in_row;
      }
    }
  }

  std::uint64_t in(int x, int y, int width, int height) const {
    return at(x + width, y + height) + at(x, y) - at(x + width, y) - at(x, y + height);
  }

 private:
  std::uint64_t at(int x, int y) const { return sums_[y * stride_ + x]; }

  std::size_t stride_;
  std::vector<std::uint64_t> sums_;
};

// 0, step, 2·step, … and the last possible position.
std::vector<int> grid(int last, int step) {
  std::vector<int> positions;
  for (int position = 0; position < last; position += step) positions.push_back(position);
  positions.push_back(last);
  return positions;
}

}  // namespace

Image side_by_side(std::span<const Panel> panels) {
  if (panels.empty()) throw Error(ErrorCode::failed, "there is no panel to show");
  const int height = panels.front().image.height;
  int width = kGap * (static_cast<int>(panels.size()) + 1);
  for (const Panel& panel : panels) {
    if (panel.image.height != height) {
      throw Error(ErrorCode::failed, fmt::format("the panels \"{}\" and \"{}\" are {} and {} pixels high",
                                                 panels.front().caption, panel.caption, height, panel.image.height));
    }
    width += cell_width(panel);
  }
  Image canvas(width, height + 3 * kGap + kTextHeight, 3);
  std::fill(canvas.pixels.begin(), canvas.pixels.end(), std::uint8_t{255});
  int left = kGap;
  for (const Panel& panel : panels) {
    const int cell = cell_width(panel);
    const int text = text_width(panel.caption, kTextScale);
    paste(canvas, to_rgb(panel.image), left + (cell - panel.image.width) / 2, kGap);
    draw_text(canvas, left + (cell - text) / 2, height + 2 * kGap, panel.caption, kTextScale);
    left += cell + kGap;
  }
  return canvas;
}

Image enlarge_nearest(const Image& image, int scale) {
  if (scale < 1) throw Error(ErrorCode::failed, fmt::format("cannot enlarge an image by {}", scale));
  Image large(image.width * scale, image.height * scale, image.channels);
  for (int y = 0; y < large.height; ++y) {
    if (y % scale != 0) {
      std::copy_n(large.row(y - 1), std::size_t(large.width) * large.channels, large.row(y));
      continue;
    }
    std::uint8_t* to = large.row(y);
    for (int x = 0; x < large.width; ++x) {
      to = std::copy_n(image.row(y / scale) + std::size_t(x / scale) * image.channels, image.channels, to);
    }
  }
  return large;
}

PixelPosition most_detailed_region(const Image& image, int width, int height) {
  if (width < 1 || height < 1 || width > image.width || height > image.height) {
    throw Error(ErrorCode::failed, fmt::format("a window of {} x {} does not fit into an image of {} x {}", width,
                                               height, image.width, image.height));
  }
  const EnergySums energy(image);
  PixelPosition best;
  std::uint64_t most = 0;
  for (const int y : grid(image.height - height, std::max(1, height / 4))) {
    for (const int x : grid(image.width - width, std::max(1, width / 4))) {
      const std::uint64_t here = energy.in(x, y, width, height);
      if (here > most) {
        most = here;
        best = {x, y};
      }
    }
  }
  return best;
}

}  // namespace wring

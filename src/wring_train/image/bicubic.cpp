#include "wring_train/image/bicubic.h"

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <vector>

#include <fmt/format.h>

#include "wring/base/error.h"

namespace wring {
namespace {

// With a = -1/2 and a whole scale, every weight of imresize is a whole number over a common denominator. Sums
// start at -128 · denominator, so that for scales up to 8 every partial sum stays below 2^24, where float
// holds all whole numbers: they are exact in any order, and the rounding is that of the exact quotient.
// Doubles, as MATLAB uses, give the same bytes at half the speed.
constexpr int kMaxScale = 8;
constexpr float kCentre = 128;

// The cubic convolution kernel (Keys 1981), a = -1/2, at the distance k / (2 · scale), times 16 · scale³.
std::int64_t cubic(std::int64_t k, std::int64_t scale) {
  k = std::abs(k);
  if (k <= 2 * scale) return 3 * k * k * k - 10 * k * k * scale + 16 * scale * scale * scale;
  if (k <= 4 * scale) return -k * k * k + 10 * k * k * scale - 32 * k * scale * scale + 32 * scale * scale * scale;
  return 0;
}

// One dimension: output phases · q + p is the sum over t of weights[p][t] · input[step · q + first[p] + t],
// divided by the denominator. The number of taps is a multiple of four.
struct Resampler {
  int step = 1;
  int taps = 0;
  float denominator = 1;
  std::vector<int> first;
  std::vector<std::vector<float>> weights;

  int start(int output) const {
    const int phases = static_cast<int>(first.size());
    return output / phases * step + first[output % phases];
  }
  const float* weights_of(int output) const { return weights[output % weights.size()].data(); }
};

// Input pixel t lies `spacing · t + offsets[p]` half kernel units / scale from the centre of phase p.
Resampler make_resampler(int scale, int step, int spacing, const std::vector<int>& offsets) {
  Resampler resampler;
  resampler.step = step;
  resampler.taps = 8 * scale / spacing;
  std::vector<std::vector<std::int64_t>> exact;
  std::int64_t divisor = 0;
  for (const int offset : offsets) {
    int first = -4 * scale;
    while (spacing * first + offset <= -4 * scale) ++first;
    std::vector<std::int64_t>& weights = exact.emplace_back();
    for (int t = first; t < first + resampler.taps; ++t) weights.push_back(cubic(spacing * t + offset, scale));
    for (const std::int64_t weight : weights) divisor = std::gcd(divisor, weight);
    resampler.first.push_back(first);
  }
  for (const auto& weights : exact) {
    auto& reduced = resampler.weights.emplace_back();
    for (const std::int64_t weight : weights) reduced.push_back(static_cast<float>(weight / divisor));
    resampler.denominator = std::accumulate(reduced.begin(), reduced.end(), 0.0f);  // the same for every phase
  }
  return resampler;
}

void check_scale(int scale) {
  if (scale < 1 || scale > kMaxScale) {
    throw Error(ErrorCode::usage, fmt::format("the scale is {}", scale), "use a whole scale from 1 to 8");
  }
}

Resampler shrinker(int scale) {
  check_scale(scale);
  return make_resampler(scale, scale, 2, {1 - scale});
}

Resampler enlarger(int scale) {
  check_scale(scale);
  std::vector<int> offsets;
  for (int phase = 0; phase < scale; ++phase) offsets.push_back(scale - 1 - 2 * phase);
  return make_resampler(scale, 1, 2 * scale, offsets);
}

// The image goes on beyond its borders by reflection that repeats the border pixel.
int mirrored(int i, int length) {
  const int period = 2 * length;
  i = (i % period + period) % period;
  return i < length ? i : period - 1 - i;
}

float rounded(float sum, float denominator) {
  const float value = std::clamp(sum / denominator + kCentre + 0.5f, 0.0f, 255.0f);
  return static_cast<float>(static_cast<int>(value));
}

// Weighted sum of whole rows, rounded to whole numbers 0…255.
void blend_rows(const std::vector<const std::uint8_t*>& rows, const float* weights, float denominator, int length,
                float* out) {
  constexpr int kBlock = 1024;  // sums stay in the first-level cache
  float sums[kBlock];
  for (int begin = 0; begin < length; begin += kBlock) {
    const int count = std::min(kBlock, length - begin);
    std::fill_n(sums, count, -kCentre * denominator);
    for (std::size_t t = 0; t < rows.size(); t += 4) {
      const std::uint8_t* a = rows[t] + begin;
      const std::uint8_t* b = rows[t + 1] + begin;
      const std::uint8_t* c = rows[t + 2] + begin;
      const std::uint8_t* d = rows[t + 3] + begin;
      const float wa = weights[t], wb = weights[t + 1], wc = weights[t + 2], wd = weights[t + 3];
      for (int i = 0; i < count; ++i) sums[i] += (wa * a[i] + wb * b[i]) + (wc * c[i] + wd * d[i]);
    }
    for (int i = 0; i < count; ++i) out[begin + i] = rounded(sums[i], denominator);
  }
}

// Output pixels x … x + width of one row; line[0] is input pixel `line_start`.
template <int kChannels>
void blend_columns(const Resampler& resampler, const float* line, int line_start, int x, int width, std::uint8_t* out) {
  for (int o = x; o < x + width; ++o) {
    const float* pixel = line + std::size_t(resampler.start(o) - line_start) * kChannels;
    const float* weights = resampler.weights_of(o);
    float sums[kChannels];
    std::fill_n(sums, kChannels, -kCentre * resampler.denominator);
    for (int t = 0; t < resampler.taps; ++t) {
      for (int c = 0; c < kChannels; ++c) sums[c] += weights[t] * *pixel++;
    }
    for (const float sum : sums) *out++ = static_cast<std::uint8_t>(rounded(sum, resampler.denominator));
  }
}

auto blend_columns_for(int channels) {
  switch (channels) {
    case 1:
      return &blend_columns<1>;
    case 3:
      return &blend_columns<3>;
    case 4:
      return &blend_columns<4>;
    default:
      throw Error(ErrorCode::failed, fmt::format("cannot resize an image of {} channels", channels));
  }
}

// An image, or the part of it that is there.
struct Source {
  const Image& pixels;
  int x, y, whole_width, whole_height;

  explicit Source(const Image& image)
      : pixels(image), x(0), y(0), whole_width(image.width), whole_height(image.height) {}
  explicit Source(const ImagePart& part)
      : pixels(part.pixels), x(part.x), y(part.y), whole_width(part.whole_width), whole_height(part.whole_height) {}
};

// The part `window` of the resized image, row by row: the columns that it needs are blended vertically, then
// continued beyond the borders, then blended horizontally.
Image resample(const Source& source, const Resampler& resampler, const Rectangle& window) {
  const Image& image = source.pixels;
  const auto blend = blend_columns_for(image.channels);
  const int channels = image.channels;
  const int begin = resampler.start(window.x);
  const int end = resampler.start(window.x + window.width - 1) + resampler.taps;
  std::vector<int> columns;
  for (int column = begin; column < end; ++column) columns.push_back(mirrored(column, source.whole_width) - source.x);
  const auto [lowest, highest] = std::minmax_element(columns.begin(), columns.end());
  const int low = *lowest;
  const int length = (*highest + 1 - low) * channels;

  Image out(window.width, window.height, channels);
  std::vector<const std::uint8_t*> rows(resampler.taps);
  std::vector<float> blended(length);
  std::vector<float> line(columns.size() * channels);
  for (int y = 0; y < window.height; ++y) {
    const int first_row = resampler.start(window.y + y);
    for (int t = 0; t < resampler.taps; ++t) {
      rows[t] = image.row(mirrored(first_row + t, source.whole_height) - source.y) + std::size_t(low) * channels;
    }
    blend_rows(rows, resampler.weights_of(window.y + y), resampler.denominator, length, blended.data());
    float* to = line.data();
    for (const int column : columns) to = std::copy_n(&blended[std::size_t(column - low) * channels], channels, to);
    blend(resampler, line.data(), begin, window.x, window.width, out.row(y));
  }
  return out;
}

int shrunk(int length, int scale) {
  return (length + scale - 1) / scale;
}

Image shrink_window(const Source& source, int scale, const Rectangle& window) {
  const Resampler resampler = shrinker(scale);
  const auto& [x, y, width, height] = window;
  const int whole_width = shrunk(source.whole_width, scale);
  const int whole_height = shrunk(source.whole_height, scale);
  if (x < 0 || y < 0 || width < 1 || height < 1 || width > whole_width - x || height > whole_height - y) {
    throw Error(ErrorCode::failed, fmt::format("the rectangle {} x {} at ({}, {}) is not inside an image of {} x {}",
                                               width, height, x, y, whole_width, whole_height));
  }
  return resample(source, resampler, window);
}

}  // namespace

Image bicubic_shrink(const Image& image, int scale) {
  const Resampler resampler = shrinker(scale);
  return resample(Source(image), resampler, {0, 0, shrunk(image.width, scale), shrunk(image.height, scale)});
}

Image bicubic_shrink_region(const Image& image, int scale, int x, int y, int width, int height) {
  return shrink_window(Source(image), scale, {x, y, width, height});
}

Image bicubic_shrink_region(const ImagePart& part, int scale, const Rectangle& window) {
  return shrink_window(Source(part), scale, window);
}

Rectangle shrink_support(int scale, const Rectangle& window) {
  const Resampler resampler = shrinker(scale);
  const auto length = [&](int start, int count) {
    return resampler.start(start + count - 1) + resampler.taps - resampler.start(start);
  };
  return {resampler.start(window.x), resampler.start(window.y), length(window.x, window.width),
          length(window.y, window.height)};
}

Image bicubic_enlarge(const Image& image, int scale) {
  return resample(Source(image), enlarger(scale), {0, 0, image.width * scale, image.height * scale});
}

Image crop_to_multiple(const Image& image, int scale) {
  check_scale(scale);
  if (image.width < scale || image.height < scale) {
    throw Error(ErrorCode::failed,
                fmt::format("an image of {} x {} is smaller than the scale {}", image.width, image.height, scale));
  }
  return crop(image, 0, 0, image.width / scale * scale, image.height / scale * scale);
}

}  // namespace wring

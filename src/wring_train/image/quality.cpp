#include "wring_train/image/quality.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include <fmt/format.h>

#include "wring/base/error.h"

namespace wring {
namespace {

constexpr int kWindow = 11;
constexpr double kSigma = 1.5;
constexpr double kPeak = 255;

// Y of BT.601 in studio range, 16 … 235, not rounded.
struct Luma {
  int width = 0;
  int height = 0;
  std::vector<double> values;
  const double* row(int y) const { return values.data() + std::size_t(y) * width; }
};

Luma luma(const Image& image, int border) {
  Luma y{image.width - 2 * border, image.height - 2 * border, {}};
  y.values.reserve(std::size_t(y.width) * y.height);
  for (int row = border; row < image.height - border; ++row) {
    const std::uint8_t* pixel = image.row(row) + std::size_t(border) * image.channels;
    for (int i = 0; i < y.width; ++i, pixel += image.channels) {
      y.values.push_back(image.channels == 1 ? pixel[0]
                                             : 16 + (65.481 * pixel[0] + 128.553 * pixel[1] + 24.966 * pixel[2]) / 255);
    }
  }
  return y;
}

void check(const Image& image, const Image& reference, int border, int min_side) {
  const auto text = [](const Image& i) { return fmt::format("{} x {} x {}", i.width, i.height, i.channels); };
  const bool same =
      image.width == reference.width && image.height == reference.height && image.channels == reference.channels;
  if (!same) {
    throw Error(ErrorCode::failed,
                fmt::format("cannot compare an image of {} with a reference of {}", text(image), text(reference)));
  }
  if (border < 0 || image.width - 2 * border < min_side || image.height - 2 * border < min_side) {
    throw Error(ErrorCode::failed, fmt::format("an image of {} less a border of {} pixels leaves less than {} x {}",
                                               text(image), border, min_side, min_side));
  }
}

std::array<double, kWindow> gaussian() {
  std::array<double, kWindow> weights;
  double sum = 0;
  for (int i = 0; i < kWindow; ++i) {
    const double distance = i - kWindow / 2;
    sum += weights[i] = std::exp(-distance * distance / (2 * kSigma * kSigma));
  }
  for (double& weight : weights) weight /= sum;
  return weights;
}

// Gaussian-weighted sums of x, y, x², y² and xy: first down the columns of eleven rows, then along the row.
struct Moments {
  std::vector<double> x, y, xx, yy, xy;
  explicit Moments(int width) : x(width), y(width), xx(width), yy(width), xy(width) {}
};

void sum_columns(const Luma& image, const Luma& reference, int top, const std::array<double, kWindow>& weights,
                 Moments& sums) {
  for (auto* sum : {&sums.x, &sums.y, &sums.xx, &sums.yy, &sums.xy}) std::fill(sum->begin(), sum->end(), 0.0);
  for (int t = 0; t < kWindow; ++t) {
    const double weight = weights[t];
    const double* a = image.row(top + t);
    const double* b = reference.row(top + t);
    for (int i = 0; i < image.width; ++i) {
      sums.x[i] += weight * a[i];
      sums.y[i] += weight * b[i];
      sums.xx[i] += weight * a[i] * a[i];
      sums.yy[i] += weight * b[i] * b[i];
      sums.xy[i] += weight * a[i] * b[i];
    }
  }
}

double similarity(const Moments& sums, int left, const std::array<double, kWindow>& weights) {
  constexpr double kC1 = (0.01 * kPeak) * (0.01 * kPeak);
  constexpr double kC2 = (0.03 * kPeak) * (0.03 * kPeak);
  double x = 0, y = 0, xx = 0, yy = 0, xy = 0;
  for (int t = 0; t < kWindow; ++t) {
    x += weights[t] * sums.x[left + t];
    y += weights[t] * sums.y[left + t];
    xx += weights[t] * sums.xx[left + t];
    yy += weights[t] * sums.yy[left + t];
    xy += weights[t] * sums.xy[left + t];
  }
  return (2 * x * y + kC1) * (2 * (xy - x * y) + kC2) / ((x * x + y * y + kC1) * ((xx - x * x) + (yy - y * y) + kC2));
}

}  // namespace

double psnr_y(const Image& image, const Image& reference, int border) {
  check(image, reference, border, 1);
  const Luma a = luma(image, border);
  const Luma b = luma(reference, border);
  double squares = 0;
  for (std::size_t i = 0; i < a.values.size(); ++i) {
    const double difference = a.values[i] - b.values[i];
    squares += difference * difference;
  }
  if (squares == 0) return std::numeric_limits<double>::infinity();
  return 10 * std::log10(kPeak * kPeak * static_cast<double>(a.values.size()) / squares);
}

double ssim_y(const Image& image, const Image& reference, int border) {
  check(image, reference, border, kWindow);
  const Luma a = luma(image, border);
  const Luma b = luma(reference, border);
  const auto weights = gaussian();
  const int columns = a.width - kWindow + 1;
  const int rows = a.height - kWindow + 1;
  Moments sums(a.width);
  double total = 0;
  for (int y = 0; y < rows; ++y) {
    sum_columns(a, b, y, weights, sums);
    for (int x = 0; x < columns; ++x) total += similarity(sums, x, weights);
  }
  return total / (static_cast<double>(columns) * rows);
}

}  // namespace wring

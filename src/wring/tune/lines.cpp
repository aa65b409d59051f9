#include "wring/tune/lines.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

#include <fmt/format.h>

#include "wring/tune/statistics.h"

namespace wring {
namespace {

constexpr int kRounds = 20;
// Huber's constant: 95 % of the efficiency of least squares where the errors are normal.
constexpr double kHuber = 1.345;
// Readings are of whole MiB and hundredths of a millisecond; a spread below this share is none.
constexpr double kExact = 1e-6;
// A point further off than this many deviations of the others is an outlier: it is set aside, and counted.
constexpr double kOutlier = 6;

struct Coefficients {
  double intercept = 0;
  double slope = 0;
  double at(const LinePoint& point) const { return intercept + slope * static_cast<double>(point.batch); }
};

Coefficients theil_sen(std::span<const LinePoint> points) {
  std::vector<double> slopes;
  for (std::size_t i = 0; i < points.size(); ++i) {
    for (std::size_t j = i + 1; j < points.size(); ++j) {
      const auto step = static_cast<double>(points[j].batch - points[i].batch);
      if (step != 0) slopes.push_back((points[j].value - points[i].value) / step);
    }
  }
  const double slope = median_of(slopes);
  std::vector<double> intercepts;
  for (const LinePoint& point : points) intercepts.push_back(point.value - slope * static_cast<double>(point.batch));
  return {median_of(intercepts), slope};
}

Coefficients weighted_least_squares(std::span<const LinePoint> points, std::span<const double> weights) {
  double sum = 0;
  double sum_x = 0;
  double sum_y = 0;
  for (std::size_t i = 0; i < points.size(); ++i) {
    sum += weights[i];
    sum_x += weights[i] * static_cast<double>(points[i].batch);
    sum_y += weights[i] * points[i].value;
  }
  const double mean_x = sum_x / sum;
  const double mean_y = sum_y / sum;
  double xx = 0;
  double xy = 0;
  for (std::size_t i = 0; i < points.size(); ++i) {
    const double dx = static_cast<double>(points[i].batch) - mean_x;
    xx += weights[i] * dx * dx;
    xy += weights[i] * dx * (points[i].value - mean_y);
  }
  const double slope = xx > 0 ? xy / xx : 0;
  return {mean_y - slope * mean_x, slope};
}

// What a distance is measured in: the value itself, or one.
double unit_of(const LinePoint& point, bool relative) {
  return relative ? std::max(std::abs(point.value), 1e-12) : 1.0;
}

std::vector<double> distances(std::span<const LinePoint> points, const Coefficients& line, bool relative) {
  std::vector<double> result;
  for (const LinePoint& point : points)
    result.push_back(std::abs(point.value - line.at(point)) / unit_of(point, relative));
  return result;
}

double typical_unit(std::span<const LinePoint> points, bool relative) {
  if (relative) return 1;
  std::vector<double> values;
  for (const LinePoint& point : points) values.push_back(std::abs(point.value));
  return median_of(values);
}

Coefficients robust_fit(std::span<const LinePoint> points, bool relative) {
  Coefficients line = theil_sen(points);
  const double least = kExact * typical_unit(points, relative);
  for (int round = 0; round < kRounds; ++round) {
    const std::vector<double> off = distances(points, line, relative);
    const double deviation = std::max(kMadToDeviation * median_of(off), least);
    std::vector<double> weights;
    for (std::size_t i = 0; i < points.size(); ++i) {
      const double unit = unit_of(points[i], relative);
      weights.push_back(std::min(1.0, kHuber * deviation / std::max(off[i], least)) / (unit * unit));
    }
    const Coefficients next = weighted_least_squares(points, weights);
    const double moved = std::abs(next.slope - line.slope) + std::abs(next.intercept - line.intercept);
    line = next;
    if (moved <= kExact * (std::abs(line.slope) + std::abs(line.intercept))) break;
  }
  return line;
}

Line measured_against(std::span<const LinePoint> points, const Coefficients& fit, bool relative, int sizes) {
  Line line{.intercept = fit.intercept, .slope = fit.slope, .sizes = sizes};
  const std::vector<double> off = distances(points, fit, relative);
  const double deviation = std::max(kMadToDeviation * median_of(off), kExact * typical_unit(points, relative));
  // Three sizes are too few to call one of them wrong.
  const bool may_set_aside = sizes > kMinLineSizes;
  line.from = points.front().batch;
  line.to = points.front().batch;
  double largest = 0;
  for (const LinePoint& point : points) largest = std::max(largest, std::abs(point.value));
  for (std::size_t i = 0; i < points.size(); ++i) {
    line.from = std::min(line.from, points[i].batch);
    line.to = std::max(line.to, points[i].batch);
    const double distance = std::abs(points[i].value - fit.at(points[i]));
    // Step times are judged each by itself, memory against the largest: what counts there is the far end.
    const double against = relative ? std::abs(fit.at(points[i])) : largest;
    const double share = distance / std::max(against, 1e-12);
    // Allocators round to segments, clocks to ticks: within 2 % nothing is wrong.
    if (may_set_aside && off[i] > kOutlier * deviation && share > 0.02) {
      ++line.outliers;
      continue;
    }
    line.residual = std::max(line.residual, distance);
    line.relative_residual = std::max(line.relative_residual, share);
  }
  return line;
}

}  // namespace

LineFit fit_line(std::span<const LinePoint> points, bool relative, double worst_relative_residual) {
  std::set<std::int64_t> sizes;
  for (const LinePoint& point : points) sizes.insert(point.batch);
  const auto count = static_cast<int>(sizes.size());
  if (count < kMinLineSizes) {
    return {std::nullopt,
            {fmt::format("{} measured {}, a line needs {}", count, count == 1 ? "size" : "sizes", kMinLineSizes),
             fmt::format("只测得 {} 种大小，拟合直线需要 {} 种", count, kMinLineSizes)}};
  }
  const Line line = measured_against(points, robust_fit(points, relative), relative, count);
  if (!(line.slope > 0)) {
    return {std::nullopt,
            {"it does not grow with the batch from {} to {}", "batch 从 {} 到 {} 时没有增长", line.from, line.to}};
  }
  if (line.relative_residual > worst_relative_residual || 3 * line.outliers > count) {
    return {std::nullopt,
            {"the measured sizes lie on no line: off by {:.0f} %", "各测量值不在一条直线上：偏差 {:.0f}%",
             100 * line.relative_residual}};
  }
  return {line, {}};
}

LineFit fit_memory_line(std::span<const LinePoint> peaks_mib) {
  return fit_line(peaks_mib, false, kWorstMemoryResidual);
}

LineFit fit_time_line(std::span<const LinePoint> step_ms) {
  return fit_line(step_ms, true, kWorstTimeResidual);
}

double asymptotic_rate(const Line& step_ms) {
  return 1000.0 / step_ms.slope;
}

double predicted_rate(const Line& step_ms, std::int64_t batch) {
  const double ms = step_ms.at(static_cast<double>(batch));
  return ms > 0 ? 1000.0 * static_cast<double>(batch) / ms : asymptotic_rate(step_ms);
}

double batch_for_share(const Line& step_ms, double share) {
  if (step_ms.intercept <= 0) return 0;
  return share / (1 - share) * step_ms.intercept / step_ms.slope;
}

std::int64_t largest_batch(const Line& memory_mib, double limit_mib) {
  const double batch = (limit_mib - memory_mib.intercept) / memory_mib.slope;
  // The quotient of whole numbers may fall a hair below the whole number that it is.
  return batch < 1 ? 0 : static_cast<std::int64_t>(std::floor(std::min(batch, 1e15) + 1e-9));
}

std::optional<std::int64_t> measured_peak_mib(const TrialMemory& memory) {
  return memory.peak_reserved_mib ? memory.peak_reserved_mib : memory.peak_allocated_mib;
}

std::optional<std::int64_t> device_capacity_mib(const TrialMemory& memory) {
  if (!memory.device_free_mib) return memory.device_total_mib;
  const std::int64_t reachable = *memory.device_free_mib + measured_peak_mib(memory).value_or(0);
  return memory.device_total_mib ? std::min(reachable, *memory.device_total_mib) : reachable;
}

}  // namespace wring

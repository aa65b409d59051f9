#include "wring/tune/statistics.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

namespace wring {
namespace {

double mean_of(std::span<const double> values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

double squares_of(std::span<const double> values) {
  const double mean = mean_of(values);
  double sum = 0;
  for (const double value : values) sum += (value / mean - 1) * (value / mean - 1);
  return sum;
}

}  // namespace

double median_of(std::span<const double> values) {
  if (values.empty()) return 0;
  std::vector<double> sorted(values.begin(), values.end());
  std::ranges::sort(sorted);
  const std::size_t middle = sorted.size() / 2;
  return sorted.size() % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

double mad_of(std::span<const double> values) {
  const double centre = median_of(values);
  std::vector<double> distances;
  for (const double value : values) distances.push_back(std::abs(value - centre));
  return median_of(distances);
}

double student_975(std::size_t degrees_of_freedom) {
  constexpr std::array<double, 10> kTable = {12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228};
  if (degrees_of_freedom == 0) return kTable.front();
  if (degrees_of_freedom <= kTable.size()) return kTable[degrees_of_freedom - 1];
  return degrees_of_freedom <= 30 ? 2.1 : 1.96;
}

double spread_of(std::span<const double> rates) {
  constexpr std::size_t kManyRates = 5;
  if (rates.size() < 2) return 0;
  std::vector<double> sorted(rates.begin(), rates.end());
  std::ranges::sort(sorted);
  const double lowest = sorted[rates.size() >= kManyRates ? 1 : 0];
  return lowest > 0 ? sorted.back() / lowest - 1 : 0;
}

RatioInterval ratio_interval(std::span<const double> before, std::span<const double> after, double floor) {
  if (before.empty() || after.empty()) return {};
  // One noise for both sides: the same program on the same machine.
  const std::size_t freedom = before.size() + after.size() - 2;
  const double squares = squares_of(before) + squares_of(after);
  const double noise = freedom == 0 ? floor : std::max(floor, std::sqrt(squares / static_cast<double>(freedom)));
  return ratio_interval(before, after, noise, freedom);
}

RatioInterval ratio_interval(std::span<const double> before, std::span<const double> after, double noise,
                             std::size_t repeats) {
  if (before.empty() || after.empty() || median_of(before) <= 0) return {};
  const double ratio = median_of(after) / median_of(before);
  const auto n = static_cast<double>(before.size());
  const auto m = static_cast<double>(after.size());
  return {ratio, ratio * student_975(repeats) * noise * std::sqrt(1 / n + 1 / m)};
}

}  // namespace wring

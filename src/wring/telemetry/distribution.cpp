#include "wring/telemetry/distribution.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace wring {
namespace {

const double kLogStep = std::log(1.01);
constexpr double kSmallest = 1e-3;  // what is nearer to 0 is 0
constexpr int kBinOfZero = std::numeric_limits<int>::min();

}  // namespace

int Distribution::bin_of(double value) const {
  if (kind_ == Bins::tenths) return static_cast<int>(std::floor(value * 10));
  if (value < kSmallest) return kBinOfZero;
  return static_cast<int>(std::floor(std::log(value) / kLogStep));
}

void Distribution::add(double value, double weight) {
  if (readings_ == 0) {
    anchor_ = value;
    max_ = value;
  }
  ++readings_;
  plain_sum_ += value;
  max_ = std::max(max_, value);
  if (weight <= 0) return;
  Bin& bin = bins_[bin_of(value)];
  bin.weight += weight;
  bin.sum += weight * value;
  weight_ += weight;
  sum_ += weight * value;
  square_sum_ += weight * (value - anchor_) * (value - anchor_);
}

double Distribution::mean() const {
  if (readings_ == 0) return 0;
  return weight_ > 0 ? sum_ / weight_ : plain_sum_ / static_cast<double>(readings_);
}

double Distribution::deviation() const {
  if (weight_ <= 0) return 0;
  const double offset = mean() - anchor_;
  return std::sqrt(std::max(0.0, square_sum_ / weight_ - offset * offset));
}

double Distribution::quantile(double q) const {
  if (weight_ <= 0) return mean();
  // A little less than asked, so that the rounding of many small weights does not step over an exact boundary.
  const double wanted = q * weight_ * (1 - 1e-12);
  double reached = 0;
  for (const auto& [number, bin] : bins_) {
    reached += bin.weight;
    if (reached >= wanted) return bin.mean();
  }
  return max_;
}

double Distribution::share_below(double threshold) const {
  if (weight_ <= 0) return 0;
  double below = 0;
  for (const auto& [number, bin] : bins_) {
    if (bin.mean() < threshold) below += bin.weight;
  }
  return below / weight_;
}

}  // namespace wring

#pragma once
#include <cstddef>
#include <span>

namespace wring {

// 0 for no values. The mean of the two in the middle for an even number.
double median_of(std::span<const double> values);

// Median absolute deviation from the median, unscaled.
double mad_of(std::span<const double> values);

// Of a normal distribution: the standard deviation is this many median absolute deviations.
inline constexpr double kMadToDeviation = 1.4826;
// The standard error of a median is this many of a mean's.
inline constexpr double kMedianError = 1.2533;

// The 97.5 % point of Student's t: half-width of a 95 % interval in standard errors.
double student_975(std::size_t degrees_of_freedom);

// How much the rates of one configuration differ: the highest over the lowest, less 1. Of five and more the lowest is
// left out, for a single hiccup disturbs nothing. 0 for fewer than two.
double spread_of(std::span<const double> rates);

// How far a ratio of two rates may be trusted.
struct RatioInterval {
  double ratio = 0;       // median of `after` over median of `before`
  double half_width = 0;  // of the 95 % interval, in the ratio's unit
};

// `floor` is the least relative error of a single trial (what repeats of one program on one machine differ by).
RatioInterval ratio_interval(std::span<const double> before, std::span<const double> after, double floor);

// The same where the relative deviation of a trial is known from as many repeats of whatever kind.
RatioInterval ratio_interval(std::span<const double> before, std::span<const double> after, double noise,
                             std::size_t repeats);

}  // namespace wring

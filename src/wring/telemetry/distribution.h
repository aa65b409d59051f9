#pragma once
#include <cstdint>
#include <map>

namespace wring {

// Values weighted by how long each held, in bounded memory: a week costs what a minute does. Bins are 0.1 wide for
// shares (0 to 100), else one per cent of the value; a bin keeps the mean of what fell into it, so a value that stays
// the same is exact.
class Distribution {
 public:
  enum class Bins : std::uint8_t { tenths, one_percent };
  explicit Distribution(Bins bins) : kind_(bins) {}

  // Weight 0 is a reading that describes no time: it counts for max(), and stands in where there is nothing else.
  void add(double value, double weight);

  bool empty() const { return readings_ == 0; }
  double weight() const { return weight_; }
  double mean() const;
  double deviation() const;  // standard deviation
  double max() const { return max_; }

  // The smallest value at or below which the share q (0 to 1) of the weight lies, to the width of a bin.
  double quantile(double q) const;

  // Share of the weight (0 to 1) below the threshold; exact for shares and thresholds of whole tenths.
  double share_below(double threshold) const;

 private:
  struct Bin {
    double weight = 0;
    double sum = 0;
    double mean() const { return sum / weight; }
  };
  int bin_of(double value) const;

  Bins kind_;
  std::map<int, Bin> bins_;
  std::int64_t readings_ = 0;
  double plain_sum_ = 0;  // unweighted
  double weight_ = 0;
  double sum_ = 0;
  double anchor_ = 0;  // the first value: squares are taken of the distance to it, so that they do not cancel
  double square_sum_ = 0;
  double max_ = 0;
};

}  // namespace wring

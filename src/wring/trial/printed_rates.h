#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "wring/trial/trial.h"

namespace re2 {
class RE2;
}

namespace wring {

// Finds the rates that a program prints, in a time that is bounded whatever the expression and the line are (RE2).
class RatePattern {
 public:
  // The syntax of Perl and ECMAScript without what no bound holds for: back-references, look-ahead and look-behind. The
  // first group is the rate. Throws Error{usage} for a bad expression, naming what of it, or one without a group.
  explicit RatePattern(const std::string& expression);

  // The rate in a line; absent where nothing matches or the group is no positive number. "1,234.5" is one.
  std::optional<double> rate_in(std::string_view line) const;

 private:
  std::shared_ptr<const re2::RE2> expression_;
};

// What the rates of a run say together. The first two hold the start and are left out where there are more.
struct RateSummary {
  double samples_per_s = 0;  // median
  StepTimes step_ms;         // of `batch` samples at each rate; n counts rates. Zeros but n where the batch is unknown
};

// `rates` must not be empty.
RateSummary summarise_rates(std::vector<double> rates, std::optional<std::int64_t> batch);

}  // namespace wring

#pragma once
#include <cstdint>
#include <optional>
#include <regex>
#include <string>
#include <string_view>
#include <vector>

#include "wring/trial/trial.h"

namespace wring {

// Finds the rates that a program prints.
class RatePattern {
 public:
  // ECMAScript; the first group is the rate. Throws Error{usage} for a bad expression or one without a group.
  explicit RatePattern(const std::string& expression);

  // The rate in a line; absent where nothing matches or the group is no positive number. "1,234.5" is one.
  std::optional<double> rate_in(std::string_view line) const;

 private:
  std::regex expression_;
};

// What the rates of a run say together. The first two hold the start and are left out where there are more.
struct RateSummary {
  double samples_per_s = 0;  // median
  StepTimes step_ms;         // of `batch` samples at each rate; n counts rates. Zeros but n where the batch is unknown
};

// `rates` must not be empty.
RateSummary summarise_rates(std::vector<double> rates, std::optional<std::int64_t> batch);

}  // namespace wring

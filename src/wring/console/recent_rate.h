#pragma once
#include <cstdint>
#include <optional>
#include <vector>

namespace wring {

// How fast something advances lately: the median over the last intervals between marks, so that a pause (a
// validation, a checkpoint, a busy disk) does not spoil the forecast.
class RecentRate {
 public:
  // Times in seconds of one clock that never goes back; `done` never shrinks.
  void add(double now_s, std::int64_t done);

  // Units per second; nullopt until something has advanced.
  std::optional<double> per_second() const;

 private:
  struct Mark {
    double at_s;
    std::int64_t done;
  };
  std::vector<Mark> marks_;     // the last ones, at least kMarkInterval apart
  std::optional<Mark> newest_;  // the latest call, for a rate before the first interval is over
};

}  // namespace wring

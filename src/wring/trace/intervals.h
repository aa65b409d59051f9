#pragma once
#include <algorithm>
#include <cstdint>
#include <iterator>
#include <vector>

namespace wring {

struct Interval {
  std::int64_t begin_ns = 0;
  std::int64_t end_ns = 0;
};

// Times that are covered by any of some intervals.
class Cover {
 public:
  explicit Cover(std::vector<Interval> intervals) {
    std::ranges::sort(intervals, {}, &Interval::begin_ns);
    for (const Interval& next : intervals) {
      if (next.end_ns <= next.begin_ns) continue;
      if (!parts_.empty() && next.begin_ns <= parts_.back().end_ns) {
        parts_.back().end_ns = std::max(parts_.back().end_ns, next.end_ns);
      } else {
        parts_.push_back(next);
      }
    }
  }

  // Disjoint, in order.
  const std::vector<Interval>& parts() const { return parts_; }

  bool contains(std::int64_t at_ns) const {
    const auto part = first_that_ends_after(at_ns);
    return part != parts_.end() && part->begin_ns <= at_ns;
  }

  // From the first covered time of [begin, end) to the last one; empty at its end where none is covered.
  Interval span_within(std::int64_t begin_ns, std::int64_t end_ns) const {
    const auto first = first_that_ends_after(begin_ns);
    if (first == parts_.end() || first->begin_ns >= end_ns) return {end_ns, end_ns};
    const auto after = std::ranges::lower_bound(parts_, end_ns, {}, &Interval::begin_ns);
    return {std::max(first->begin_ns, begin_ns), std::min(std::prev(after)->end_ns, end_ns)};
  }

 private:
  std::vector<Interval>::const_iterator first_that_ends_after(std::int64_t at_ns) const {
    return std::ranges::upper_bound(parts_, at_ns, {}, &Interval::end_ns);
  }

  std::vector<Interval> parts_;
};

}  // namespace wring

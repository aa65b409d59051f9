#include "wring/console/recent_rate.h"

#include <algorithm>

namespace wring {
namespace {

constexpr double kMarkIntervalS = 1.0;
constexpr std::size_t kMarks = 32;  // about the last half minute, or the last 31 steps when those are slow

}  // namespace

void RecentRate::add(double now_s, std::int64_t done) {
  newest_ = {now_s, done};
  if (!marks_.empty() && (now_s - marks_.back().at_s < kMarkIntervalS || done <= marks_.back().done)) return;
  if (marks_.size() == kMarks) marks_.erase(marks_.begin());
  marks_.push_back(*newest_);
}

std::optional<double> RecentRate::per_second() const {
  if (marks_.empty()) return std::nullopt;
  if (marks_.size() == 1) {
    const double elapsed_s = newest_->at_s - marks_[0].at_s;
    const std::int64_t advanced = newest_->done - marks_[0].done;
    return elapsed_s > 0 && advanced > 0 ? std::optional(double(advanced) / elapsed_s) : std::nullopt;
  }
  std::vector<double> rates;
  for (std::size_t i = 1; i < marks_.size(); ++i) {
    rates.push_back(double(marks_[i].done - marks_[i - 1].done) / (marks_[i].at_s - marks_[i - 1].at_s));
  }
  const auto middle = rates.begin() + static_cast<std::ptrdiff_t>(rates.size() / 2);
  std::ranges::nth_element(rates, middle);
  return *middle;
}

}  // namespace wring

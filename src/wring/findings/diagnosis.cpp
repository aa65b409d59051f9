#include "wring/findings/diagnosis.h"

#include <algorithm>
#include <utility>

namespace wring {

Finding& Diagnosis::add(std::string_view key, Text headline, double cost, double confidence, Text numbers, Text rule,
                        Text next_step) {
  found_.push_back(
      {{key, std::move(headline), std::move(numbers), std::move(rule), confidence, std::move(next_step), {}}, cost});
  return found_.back().finding;
}

bool Diagnosis::has(std::string_view key) const {
  return std::ranges::any_of(found_, [&](const Weighed& one) { return one.finding.key == key; });
}

const Finding* Diagnosis::first_curable() const {
  const auto first = std::ranges::find_if(found_, [](const Weighed& one) { return !one.finding.fix.empty(); });
  return first == found_.end() ? nullptr : &first->finding;
}

double Diagnosis::own_share() const {
  double lost = 0;
  for (const Weighed& one : found_) lost = std::max(lost, one.cost);
  return lost >= kClearGap ? 0 : 100 - lost;
}

std::vector<Finding> Diagnosis::finish() && {
  std::ranges::stable_sort(found_, [](const Weighed& left, const Weighed& right) {
    if (left.cost != right.cost) return left.cost > right.cost;
    return left.finding.confidence > right.finding.confidence;
  });
  std::vector<Finding> findings;
  for (Weighed& one : found_) findings.push_back(std::move(one.finding));
  return findings;
}

}  // namespace wring

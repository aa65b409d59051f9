#include "wring/findings/judged_summary.h"

#include <utility>

#include "wring/findings/features.h"
#include "wring/findings/judge.h"

namespace wring {

JudgedSummary judged(Summary summary) {
  JudgedSummary judged{std::move(summary), {}, {}};
  for (std::size_t i = 0; i < judged.gpus.size(); ++i) {
    const Features features = features_of(judged, i);
    CardFindings& card = judged.findings.emplace_back(CardFindings{verdicts(features), {}});
    if (card.verdicts.empty()) card.no_verdict = why_no_verdict(features);
  }
  return judged;
}

}  // namespace wring

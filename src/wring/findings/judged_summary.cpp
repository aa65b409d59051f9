#include "wring/findings/judged_summary.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "wring/findings/features.h"
#include "wring/findings/judge.h"

namespace wring {

namespace {

// torch writes every card's number after "GPU-", NVML that of a part of a card after "MIG-".
std::string_view number_of(std::string_view uuid) {
  return uuid.substr(std::min(uuid.find('-'), uuid.size()));
}

bool computes_on(const InsideFinding& process, const Gpu& gpu, const CardFindings& card) {
  if (!process.device_uuid.empty()) return number_of(process.device_uuid) == number_of(gpu.uuid);
  return card.verdicts.empty() || card.verdicts.front().key != "idle";
}

}  // namespace

JudgedSummary judged(Summary summary) {
  JudgedSummary judged{std::move(summary), {}, {}};
  for (std::size_t i = 0; i < judged.gpus.size(); ++i) {
    const Features features = features_of(judged, i);
    CardFindings& card = judged.findings.emplace_back(CardFindings{verdicts(features), {}});
    if (card.verdicts.empty()) card.no_verdict = why_no_verdict(features);
  }
  return judged;
}

void add_inside(JudgedSummary& summary, const std::vector<InsideFinding>& processes) {
  for (std::size_t i = 0; i < summary.findings.size(); ++i) {
    const InsideFinding* largest = nullptr;
    for (const InsideFinding& one : processes) {
      if (!computes_on(one, summary.gpus[i].gpu, summary.findings[i])) continue;
      if (largest == nullptr || one.share > largest->share) largest = &one;
    }
    if (largest != nullptr) summary.findings[i].inside = largest->finding;
  }
}

}  // namespace wring

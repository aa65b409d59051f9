#include "wring/report/tuning/words.h"

#include <fmt/format.h>

#include "wring/tune/search/words.h"

namespace wring {

std::string percent_text(const std::optional<double>& percent) {
  return percent ? fmt::format("{:.0f} %", *percent) : "–";
}

std::string memory_text(const std::optional<std::int64_t>& mib) {
  if (!mib) return "–";
  constexpr std::int64_t kShownInGibFrom = 10 * 1024;
  if (*mib < kShownInGibFrom) return fmt::format("{} MiB", *mib);
  return fmt::format("{:.1f} GiB", static_cast<double>(*mib) / 1024.0);
}

Settings settings_of(const TrialRequest& request, const std::string& batch_key) {
  Settings settings;
  for (const Assignment& assignment : request.set) {
    if (assignment.key != batch_key) settings[assignment.key] = assignment.value;
  }
  return settings;
}

std::string settings_text(const TrialRequest& request, const std::string& batch_key) {
  std::string text;
  for (const auto& [key, value] : settings_of(request, batch_key)) {
    text += fmt::format("{}{}={}", text.empty() ? "" : " ", key, value);
  }
  return text;
}

Text no_rate_text(const TrialResult& result) {
  if (result.no_rate != kImagesOnDevice) return result.no_rate;
  return {"no loader runs: the GPU cuts its batches itself", "无需数据加载：GPU 自行裁取批次"};
}

Text trial_verdict(const RecordedTrial& trial) {
  if (!trial.verdict.empty()) return trial.verdict;
  const TrialResult& result = trial.result;
  if (result.outcome == TrialOutcome::ok && !result.samples_per_s) return no_rate_text(result);
  if (result.outcome == TrialOutcome::ok && result.memory.alloc_retries.value_or(0) > 0) {
    return {"fits only by giving memory back ({} times)", "只能靠反复释放显存运行（{} 次）",
            *result.memory.alloc_retries};
  }
  return outcome_text(result.outcome);
}

}  // namespace wring

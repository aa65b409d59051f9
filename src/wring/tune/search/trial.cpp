#include "wring/tune/search/trial.h"

#include <algorithm>

#include <fmt/format.h>

#include "wring/tune/search/words.h"

namespace wring {

double data_wait_share(const TrialResult& result) {
  if (!result.data_wait_ms || result.step_ms.median <= 0) return 0;
  return std::clamp(*result.data_wait_ms / result.step_ms.median, 0.0, 1.0);
}

void judge_trial(SearchTrial& trial) {
  const TrialResult& result = trial.result;
  const std::int64_t retries = result.memory.alloc_retries.value_or(0);
  if (result.outcome == TrialOutcome::cut_off) {
    trial.fit = Fit::unknown;
    trial.note = failure_text(result);
  } else if (result.outcome != TrialOutcome::ok || result.samples_per_s.value_or(0) <= 0) {
    trial.fit = Fit::fails;
    trial.note = failure_text(result);
  } else if (retries > 0) {
    trial.fit = Fit::retries;
    trial.note = {"runs only by giving memory back and asking again ({} times)",
                  "只能靠反复释放并重新申请显存运行（{} 次）", retries};
  } else {
    trial.fit = Fit::fits;
    trial.note = {"fits", "可行"};
  }
}

}  // namespace wring

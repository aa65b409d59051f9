#include "wring/tune/search/words.h"

#include <cmath>

#include <fmt/format.h>

#include "wring/trial/telling_line.h"

namespace wring {
namespace {

// Where there is room for more than a table's cell has.
Text failure_words(TrialOutcome outcome) {
  switch (outcome) {
    case TrialOutcome::ok:
      return {"no rate was reported", "没有给出速率"};
    case TrialOutcome::error:
      return {"the program failed", "程序出错"};
    case TrialOutcome::hang:
      return {"no answer within its time, ended", "超时无响应，已结束"};
    default:
      return outcome_text(outcome);
  }
}

}  // namespace

Text outcome_text(TrialOutcome outcome) {
  switch (outcome) {
    case TrialOutcome::ok:
      return {"runs", "可运行"};
    case TrialOutcome::oom:
      return {"out of memory", "显存不足"};
    case TrialOutcome::error:
      return {"failed", "出错"};
    case TrialOutcome::hang:
      return {"no answer, killed", "无响应，已终止"};
    case TrialOutcome::killed:
      return {"ended by a signal", "被信号终止"};
    case TrialOutcome::cut_off:
      return {"the time budget ended", "时间预算用尽"};
  }
  return {};
}

Text phase_text(std::string_view phase) {
  if (phase == kStartPhase) return {"starting", "启动中"};
  if (phase == kFirstRatePhase) return {"waiting for its first rate", "等待首个速率"};
  if (phase == "load") return {"loading its data", "加载数据中"};
  if (phase == "warmup") return {"warming up", "预热中"};
  if (phase == "measure") return {"measuring", "测量中"};
  if (phase == "validate") return {"validating", "验证中"};
  return std::string(phase);
}

Text failure_text(const TrialResult& result) {
  Text words = failure_words(result.outcome);
  if (result.outcome == TrialOutcome::cut_off) {
    const Text phase = phase_text(first_words(result.message));
    return {"{}: {}", "{}：{}", words, phase};
  }
  const std::string message = first_words(result.message);
  if (message.empty()) return words;
  return {"{}: {}", "{}：{}", words, message};
}

std::string rate_figure(const std::optional<double>& samples_per_s) {
  if (!samples_per_s) return "–";
  if (*samples_per_s >= 100) return fmt::format("{:.0f}", *samples_per_s);
  return *samples_per_s >= 10 ? fmt::format("{:.1f}", *samples_per_s) : fmt::format("{:.2f}", *samples_per_s);
}

std::string percent_figure(double share) {
  const double percent = 100 * share;
  return std::abs(percent) >= 10 ? fmt::format("{:.0f}", percent) : fmt::format("{:.1f}", percent);
}

std::string assignments_text(const std::vector<Assignment>& set) {
  std::string text;
  for (const Assignment& one : set) text += (text.empty() ? "" : ", ") + one.key + "=" + one.value;
  return text;
}

}  // namespace wring

#include "wring/report/tuning_words.h"

#include <fmt/format.h>

namespace wring {
namespace {

std::optional<double> hours(const RunLength& run, const RecordedTrial* trial) {
  if (trial == nullptr || trial->result.outcome != TrialOutcome::ok || trial->result.samples_per_s <= 0) return {};
  return run_hours(run, trial->result.samples_per_s);
}

}  // namespace

std::optional<double> speed_up(const TuningRecord& record) {
  if (record.changes.empty()) return std::nullopt;  // two measurements of one configuration are noise
  const RecordedTrial* before = record.before_trial();
  const RecordedTrial* after = record.after_trial();
  const auto ran = [](const RecordedTrial* trial) {
    return trial != nullptr && trial->result.outcome == TrialOutcome::ok && trial->result.samples_per_s > 0;
  };
  if (!ran(before) || !ran(after)) return std::nullopt;
  return after->result.samples_per_s / before->result.samples_per_s;
}

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
      return {"killed from outside", "被外部终止"};
  }
  return {};
}

std::string rate_text(double samples_per_s) {
  if (samples_per_s >= 100) return fmt::format("{:.0f}", samples_per_s);
  return samples_per_s >= 10 ? fmt::format("{:.1f}", samples_per_s) : fmt::format("{:.2f}", samples_per_s);
}

std::string percent_text(const std::optional<double>& percent) {
  return percent ? fmt::format("{:.0f} %", *percent) : "–";
}

std::string memory_text(const std::optional<std::int64_t>& mib) {
  if (!mib) return "–";
  constexpr std::int64_t shown_in_gib_from = 10 * 1024;
  if (*mib < shown_in_gib_from) return fmt::format("{} MiB", *mib);
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

std::optional<double> run_hours_before(const TuningRecord& record) {
  return record.run ? hours(record.run->before, record.before_trial()) : std::nullopt;
}

std::optional<double> run_hours_after(const TuningRecord& record) {
  return record.run ? hours(record.run->after, record.after_trial()) : std::nullopt;
}

Text run_text(const TuningRecord& record) {
  const auto before = run_hours_before(record), after = run_hours_after(record);
  if (!after) return {};
  const Text samples = run_length_text(record.run->before, record.run->after);
  const Text now = hours_text(*after);
  // Two measurements of one configuration are noise.
  const Text then = before && !record.changes.empty() ? hours_text(*before) : Text();
  const Text times = then.empty() ? Text(now.en, "需 " + now.zh)
                                  : Text(fmt::format("{} before, {} after", then.en, now.en),
                                         fmt::format("原需 {}，现需 {}", then.zh, now.zh));
  return {fmt::format("The whole run: {} (training steps alone, at the measured rate); {}.", times.en, samples.en),
          fmt::format("整个训练：{}（仅训练步，按实测速率）；{}。", times.zh, samples.zh)};
}

Text trial_verdict(const RecordedTrial& trial) {
  if (!trial.verdict.empty()) return trial.verdict;
  const TrialResult& result = trial.result;
  if (result.outcome == TrialOutcome::ok && result.memory.alloc_retries.value_or(0) > 0) {
    return {fmt::format("fits only by giving memory back ({} times)", *result.memory.alloc_retries),
            fmt::format("只能靠反复释放显存运行（{} 次）", *result.memory.alloc_retries)};
  }
  return outcome_text(result.outcome);
}

}  // namespace wring

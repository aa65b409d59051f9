#include "wring/session/benchmark_record.h"

#include <fmt/format.h>

#include "wring/config/values.h"
#include "wring/report/tuning/measured.h"
#include "wring/report/tuning/words.h"
#include "wring/tune/search/words.h"

namespace wring {
namespace {

Effect effect_of(const std::string& key) {
  const Key* known = find_key(key);
  return known != nullptr ? known->effect : Effect::optimisation;  // of a key of another program nothing is known
}

bool is_default(const ConfigFile& file, const std::string& key) {
  const ConfigEntry* entry = file.find(key);
  return (entry == nullptr || entry->value.empty()) && find_key(key) != nullptr;
}

// As it stands in the file, or the default that counts without it.
std::string old_value(const ConfigFile& file, const std::string& key) {
  const ConfigEntry* entry = file.find(key);
  if (entry != nullptr && !entry->value.empty()) return entry->value;
  const Key* known = find_key(key);
  return known != nullptr ? value_text(file.values, *known) : "";
}

// As the file should have it: of the key's type where we know it, and no other program means something else by it.
std::string new_value(const std::string& key, const std::string& value) {
  TrainConfig config;
  return try_value(config, key, value) ? value_text(config, *find_key(key)) : value;
}

// 3e5 in a file is 300000.
bool same_value(const std::string& key, const std::string& old_text, const std::string& new_text) {
  return old_text == new_text || new_value(key, old_text) == new_text;
}

class Changes {
 public:
  explicit Changes(const ConfigFile& file) : file_(file) {}

  // A later value of a key replaces an earlier one.
  void set(const Assignment& to, Text reason, std::string rule) {
    std::erase_if(changes_, [&](const Change& change) { return change.key == to.key; });
    const std::string old_text = old_value(file_, to.key), new_text = new_value(to.key, to.value);
    if (same_value(to.key, old_text, new_text)) return;
    changes_.push_back(
        {to.key, old_text, new_text, std::move(reason), effect_of(to.key), std::move(rule), is_default(file_, to.key)});
  }
  std::vector<Change> take() && { return std::move(changes_); }

 private:
  const ConfigFile& file_;
  std::vector<Change> changes_;
};

Text batch_reason(const TuningRecord& record) {
  const std::optional<Measured> before = measured_before(record), after = measured_after(record);
  if (!after) return {"measured", "实测"};
  const std::string rate = rate_figure(after->samples_per_s);
  if (!before) return {rate + " samples/s measured", fmt::format("实测 {} 样本/秒", rate)};
  const RecordedTrial& own = record.trials[before->shown];
  if (!before->samples_per_s) {
    const Text failed = outcome_text(own.result.outcome);
    return {"{} samples/s; {} did not run: {}", "{} 样本/秒；{} 无法运行：{}", rate, own.batch_size, failed};
  }
  const std::string old_rate = rate_figure(before->samples_per_s);
  return {"{} samples/s measured, {} before", "实测 {} 样本/秒，原为 {}", rate, old_rate};
}

Text advice_reason(const std::string& key, const BatchAdvice& advice) {
  if (key == "lr") {
    const bool linear = advice.rule == LrRule::linear;
    return {"× {:.3g} by the {} rule for the larger or smaller effective batch", "有效批大小改变，按{1}规则 × {0:.3g}",
            advice.lr_factor, linear ? Text{"linear", "线性"} : Text{"square-root", "平方根"}};
  }
  if (key == "total_iters") {
    return {"the whole run sees as many samples as before, {} a step", "整个训练的样本数与原来相同，每步 {} 个",
            advice.run_after.samples_per_step};
  }
  if (key != "gradient_accumulation_steps") return {"goes with total_iters", "随 total_iters 调整"};
  return {"keeps the optimiser step at {:g} samples", "使每次更新保持 {:g} 个样本", advice.new_effective_batch};
}

bool same_settings(const RecordedTrial& trial, const Settings& settings, const std::string& batch_key) {
  return trial.request.measure.data == TrialData::real && settings_of(trial.request, batch_key) == settings;
}

Settings settings_from(const std::vector<Assignment>& first, const std::vector<Assignment>& then,
                       const std::string& batch_key) {
  TrialRequest request;
  request.set = first;
  request.set.insert(request.set.end(), then.begin(), then.end());
  return settings_of(request, batch_key);
}

}  // namespace

void add_search(TuningRecord& record, const BatchSearchResult& search, double target_gpu_util) {
  record.memory_mib = search.memory_line.line;
  record.step_ms = search.time_line.line;
  record.reason = search.reason;
  record.headroom_mib = search.headroom_mib;
  record.next_failed = search.next_failed ? std::optional(search.next_failed->batch) : std::nullopt;
  record.predicted_peak_mib = search.predicted_peak_mib;
  record.utilisation =
      UtilisationTarget{target_gpu_util, search.gpu_util, search.target_util_met, search.target_util_text};
  record.notes.insert(record.notes.end(), search.notes.begin(), search.notes.end());
}

void add_knobs(TuningRecord& record, const KnobResult& knobs) {
  for (const KnobDecision& decision : knobs.decisions) {
    if (decision.kept || !decision.tried || decision.reason.empty()) continue;
    record.notes.emplace_back(fmt::format("{}: {}", decision.knob, decision.reason.en),
                              fmt::format("{}：{}", decision.knob, decision.reason.zh));
  }
  if (!knobs.cut_short) return;
  record.notes.emplace_back("the time ended before every setting was compared; a longer --budget may find more",
                            "时间不足，未能对比全部设置；延长 --budget 可能找到更快的设置");
}

void pick_trials(TuningRecord& record, std::int64_t start_batch, std::int64_t chosen_batch,
                 const std::vector<Assignment>& given, const std::vector<Assignment>& kept) {
  const Settings as_given = settings_from(given, {}, record.batch_key);
  const Settings chosen = settings_from(given, kept, record.batch_key);
  for (std::size_t i = 0; i < record.trials.size(); ++i) {
    const RecordedTrial& trial = record.trials[i];
    const bool told = trial.result.outcome != TrialOutcome::cut_off;
    if (!record.before && told && trial.batch_size == start_batch && same_settings(trial, as_given, record.batch_key)) {
      record.before = i;
    }
    const bool ran = trial.result.outcome == TrialOutcome::ok;
    if (ran && trial.batch_size == chosen_batch && same_settings(trial, chosen, record.batch_key)) record.after = i;
  }
}

Text reason_of_settings(const TuningRecord& record, const std::vector<Assignment>& kept, const Text& details) {
  const std::optional<Measured> before = measured_before(record), after = measured_after(record);
  if (!after) return details;
  const std::int64_t batch = record.trials[after->shown].batch_size;
  const std::string rate = rate_figure(after->samples_per_s), settings = assignments_text(kept);
  Text text(fmt::format("Batch {} with {} runs at {} samples/s", batch, settings, rate),
            fmt::format("batch {}、{} 的速率为 {} samples/s", batch, settings, rate));
  if (before && before->samples_per_s && after->samples_per_s) {
    const std::string gain = percent_figure(*after->samples_per_s / *before->samples_per_s - 1);
    const std::string old_rate = rate_figure(before->samples_per_s);
    text += record.compared ? Text(", {} % more than the configuration as it was ({}), measured in turns",
                                   "，与原配置（{1}）交替测量，快 {0}%", gain, old_rate)
                            : Text(", {} % more than the configuration as it was ({})", "，比原配置（{1}），快 {0}%",
                                   gain, old_rate);
  }
  text += Text(".", "。");
  text.append({" ", ""}, details);
  return text;
}

std::vector<Change> changes_of(const ConfigFile& file, const TuningRecord& record, const std::vector<Assignment>& given,
                               const std::vector<KnobDecision>& decisions, const BatchAdvice& advice) {
  Changes changes(file);
  for (const Assignment& value : given) changes.set(value, {"given with --set", "由 --set 给定"}, "set");
  for (const KnobDecision& decision : decisions) {
    if (!decision.kept) continue;
    for (const Assignment& value : decision.to) changes.set(value, decision.reason, decision.knob);
  }
  for (const Assignment& value : advice.changes) {
    if (value.key == "batch_size") {
      changes.set({record.batch_key, value.value}, batch_reason(record), "batch_size");
    } else {
      changes.set(value, advice_reason(value.key, advice), value.key);
    }
  }
  return std::move(changes).take();
}

}  // namespace wring

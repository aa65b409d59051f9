#include "wring/report/tuning/text.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "wring/base/display_text.h"
#include "wring/report/report_lines.h"
#include "wring/report/tuning/measured.h"
#include "wring/report/tuning/run_time.h"
#include "wring/report/tuning/words.h"
#include "wring/trial/result_json.h"
#include "wring/trial/telling_line.h"
#include "wring/tune/search/words.h"

namespace wring {
namespace {

// The program's own words about a failure, cut to what a table can hold.
std::string short_message(const TrialResult& result) {
  constexpr int kColumns = 60;
  const std::string clean = first_words(result.message);
  const std::string_view fitting = fit_columns(clean, kColumns);
  return fitting.size() == clean.size() ? clean : std::string(fitting) + "…";
}

std::string verdict_cell(const RecordedTrial& trial, Language language) {
  std::string cell = trial_verdict(trial).in(language);
  const bool says_more = trial.result.outcome == TrialOutcome::error || trial.result.outcome == TrialOutcome::killed;
  if (says_more && trial.verdict.empty() && !trial.result.message.empty()) cell += ": " + short_message(trial.result);
  if (trial.result.reused) cell += language == Language::zh ? "（沿用先前结果）" : " (measured earlier)";
  return cell;
}

bool ran(const RecordedTrial& trial) {
  return trial.result.outcome == TrialOutcome::ok;
}

std::string rate_cell(const RecordedTrial& trial) {
  return ran(trial) ? rate_figure(trial.result.samples_per_s) : "–";
}

std::string step_cell(const RecordedTrial& trial) {
  return ran(trial) && trial.result.step_ms.n > 0 ? fmt::format("{:.2f}", trial.result.step_ms.median) : "–";
}

std::string wait_cell(const RecordedTrial& trial) {
  return ran(trial) && trial.result.data_wait_ms ? fmt::format("{:.2f}", *trial.result.data_wait_ms) : "";
}

// What stands beside the batch: the batches' source where it is not training's own, and the other settings.
std::string settings_cell(const RecordedTrial& trial, const std::string& batch_key) {
  std::string cell = settings_text(trial.request, batch_key);
  if (trial.request.measure.data == TrialData::real) return cell;
  return fmt::format("{}{}data={}", cell, cell.empty() ? "" : " ", data_key(trial.request.measure.data));
}

std::string right(const std::string& cell, int width) {
  return std::string(static_cast<std::size_t>(std::max(0, width - display_width(cell))), ' ') + cell;
}

void add_before_after(ReportLines& lines, const TuningRecord& record, Language language) {
  const std::optional<Measured> before = measured_before(record), after = measured_after(record);
  if (!before || !after) return;
  const auto title = [&](const char* en, const char* zh) { return Text(en, zh).in(language); };
  using Align = TextTable::Align;
  TextTable table({{"", Align::left},
                   {title("batch", "批大小")},
                   {title("samples/s", "样本/秒")},
                   {title("step ms", "每步 ms")},
                   {title("memory", "显存")},
                   {"GPU-Util"},
                   {title("SM activity", "SM活跃度")}});
  const auto row = [&](const Text& name, const Measured& measured) {
    const RecordedTrial& trial = record.trials[measured.shown];
    const TrialUtilisation& busy = trial.result.utilisation;
    table.row({name.in(language), fmt::format("{}", trial.batch_size), rate_figure(measured.samples_per_s),
               step_cell(trial), memory_text(measured.peak_mib), busy.gpu_util ? percent_text(busy.gpu_util) : "",
               busy.sm_activity ? percent_text(busy.sm_activity) : ""});
  };
  row({"before", "优化前"}, *before);
  row({"after", "优化后"}, *after);
  lines.add_table(table);
  if (const auto ratio = speed_up(record)) {
    lines.add(Text("  {:.2f} × the samples per second", "  吞吐量为原来的 {:.2f} 倍", *ratio));
  }
}

void add_verdict(ReportLines& lines, const Finding& verdict) {
  lines.add(Text("◆ {} (confidence {:.0f}%)", "◆ {}（把握 {:.0f}%）", verdict.headline, 100 * verdict.confidence));
  lines.add(Text("  measured: {}", "  实测：{}", verdict.numbers));
  lines.add(Text("  rule: {}", "  规则：{}", verdict.rule));
  lines.add(Text("  next: {}", "  下一步：{}", verdict.next_step));
  for (const Assignment& change : verdict.fix) {
    lines.add(Text("  change: {}: {}", "  改动：{}: {}", change.key, change.value));
  }
}

void add_limits(ReportLines& lines, const TuningRecord& record) {
  if (record.headroom_mib) {
    lines.add(
        Text("Head-room: {} of the device's memory stay free.", "显存余量：{}。", memory_text(record.headroom_mib)));
  }
  if (record.next_failed) {
    lines.add(Text("The next size that did not fit: batch {}.", "其上第一个不可行的批大小：{}。", *record.next_failed));
  }
  if (record.utilisation && !record.utilisation->text.empty()) lines.add(record.utilisation->text);
}

void add_changes(ReportLines& lines, const TuningRecord& record, Language language) {
  if (record.changes.empty()) return;
  const auto title = [&](const char* en, const char* zh) { return Text(en, zh).in(language); };
  using Align = TextTable::Align;
  TextTable table({{title("key", "参数"), Align::left},
                   {title("old", "原值"), Align::left},
                   {title("new", "新值"), Align::left},
                   {title("reason", "原因"), Align::left}});
  for (const Change& change : record.changes) {
    table.row({change.key, old_value_text(change).in(language), change.new_value, change.reason.in(language)});
  }
  lines.gap();
  lines.add_table(table);
}

}  // namespace

std::string trial_line(const RecordedTrial& trial, TextStyle style, const std::string& batch_key) {
  const Language language = style.language;
  const bool zh = language == Language::zh;
  std::string line = fmt::format(
      "  {} {}  {} {}  {} ms  {}  GPU-Util {}  {}", zh ? "批大小" : "batch",
      right(fmt::format("{}", trial.batch_size), 5), right(rate_cell(trial), 8), zh ? "样本/秒" : "samples/s",
      right(step_cell(trial), 8), right(memory_text(measured_peak_mib(trial.result.memory)), 9),
      right(percent_text(trial.result.utilisation.gpu_util), 5), verdict_cell(trial, language));
  const std::string settings = settings_cell(trial, batch_key);
  if (!settings.empty()) line += "  " + settings;
  return ReportLines(style).shown(line) + '\n';
}

std::string trials_text(const TuningRecord& record, TextStyle style) {
  const Language language = style.language;
  const auto title = [&](const char* en, const char* zh) { return Text(en, zh).in(language); };
  using Align = TextTable::Align;
  TextTable table({{title("batch", "批大小")},
                   {title("samples/s", "样本/秒")},
                   {title("trials", "次数")},
                   {title("step ms", "每步 ms")},
                   {title("data wait ms", "等数据 ms")},
                   {title("memory", "显存")},
                   {"GPU-Util"},
                   {title("settings", "设置"), Align::left},
                   {title("verdict", "结论"), Align::left}});
  for (const Measured& measured : all_measured(record)) {
    const RecordedTrial& trial = record.trials[measured.shown];
    const auto& util = trial.result.utilisation.gpu_util;
    table.row({fmt::format("{}", trial.batch_size), rate_figure(measured.samples_per_s),
               fmt::format("{}", measured.trials.size()), step_cell(trial), wait_cell(trial),
               memory_text(measured.peak_mib), util ? percent_text(util) : "", settings_cell(trial, record.batch_key),
               verdict_cell(record.trials[measured.verdict], language)});
  }
  ReportLines lines(style);
  if (!table.empty()) lines.add_table(table);
  return lines.text();
}

std::string choice_text(const TuningRecord& record, TextStyle style) {
  ReportLines lines(style);
  for (const Finding& verdict : record.verdicts) add_verdict(lines, verdict);
  if (!record.reason.empty()) lines.add(record.reason);
  add_before_after(lines, record, style.language);
  if (const Text run = run_text(record); !run.empty()) lines.add(run);
  add_limits(lines, record);
  add_changes(lines, record, style.language);
  if (!record.notes.empty()) lines.gap();
  for (const Text& note : record.notes) lines.add(Text("note: {}", "说明：{}", note));
  return lines.text();
}

}  // namespace wring

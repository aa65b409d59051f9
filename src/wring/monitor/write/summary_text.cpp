#include "wring/monitor/write/summary_text.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <span>

#include <fmt/format.h>

#include "wring/base/display_text.h"
#include "wring/base/duration.h"
#include "wring/findings/features.h"

namespace wring {
namespace {

// Lines in the user's language, as the terminal can show them.
class Lines {
 public:
  explicit Lines(TextStyle style) : style_(style) {}

  Lines& add(const Text& text) {
    text_ += shown(text) + '\n';
    return *this;
  }
  // The sign stands where it can be shown.
  Lines& add(const char* sign, const Text& text) {
    if (style_.utf8) text_ += fmt::format("{} ", sign);
    return add(text);
  }
  // A label, then columns that end under each other.
  Lines& row(const Text& label, const std::vector<std::string>& columns) {
    constexpr int kLabelWidth = 20, kColumnWidth = 9;
    const std::string name = shown(label);
    std::string line =
        "  " + name + std::string(static_cast<std::size_t>(std::max(0, kLabelWidth - display_width(name))), ' ');
    for (const std::string& column : columns) {
      line += std::string(static_cast<std::size_t>(std::max(1, kColumnWidth - display_width(column))), ' ') + column;
    }
    text_ += line + '\n';
    return *this;
  }
  std::string text() const { return text_; }
  std::string shown(const Text& text) const {
    const std::string words = without_controls(text.in(style_.language));
    return style_.utf8 ? words : to_ascii(words);
  }

 private:
  TextStyle style_;
  std::string text_;
};

std::string percent(std::optional<double> value) {
  return value ? fmt::format("{:.1f}%", *value) : "N/A";
}

std::optional<double> mean_of(const std::vector<double>& values) {
  if (values.empty()) return std::nullopt;
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

bool is_lost(const GpuSummary& card) {
  return card.problem || card.stuck_for_s;
}

// Mean GPU-Util of the steady part, where there is enough of it to be judged by.
std::optional<double> steady_util(const GpuSummary& card) {
  const SteadyPart& steady = card.phases.steady;
  return steady.covered_s >= kSilentBelowS ? steady.mean(Metric::gpu_util) : std::nullopt;
}

// A verdict that says how the card spends its time; the other ones stand beside it.
bool explains_use(const Finding& verdict) {
  return verdict.key != "memory_nearly_full" && verdict.key != "power_throttled";
}

// What a high GPU-Util does not show: a card that is in use and does little, or, of several, one that does nothing; and
// whatever was seen inside but that nothing holds the card back.
bool belies_util(const Finding& verdict, bool seen_inside) {
  if (seen_inside) return verdict.key != "compute_bound";
  return verdict.key == "launch_bound" || verdict.key == "collective_bound" || verdict.key == "input_bound" ||
         verdict.key == "tensor_cores_unused" || verdict.key == "idle";
}

// What the five lines say of all cards together.
struct Overall {
  std::optional<double> gpu_util;         // of all of the time
  std::optional<double> steady_gpu_util;  // of the steady part, where every card has one
  std::optional<double> memory_percent, peak_memory_mib;
  const GpuSummary* card = nullptr;  // the one that is used least, which the advice is for
  const CardFindings* findings = nullptr;
  std::string which = "GPU";  // that card, where there are several

  // GPU-Util that is judged: the steady part's, because a program that imports for a minute is not a bad one.
  std::optional<double> judged() const { return steady_gpu_util ? steady_gpu_util : gpu_util; }
  bool steady_differs() const {
    constexpr double kSame = 1;  // per cent
    return gpu_util && steady_gpu_util && std::abs(*gpu_util - *steady_gpu_util) >= kSame;
  }
  // What was seen inside counts first: it measures what a step waits for.
  const Finding* verdict() const {
    if (card == nullptr) return nullptr;
    if (findings->inside) return &*findings->inside;
    const auto found = std::ranges::find_if(findings->verdicts, explains_use);
    return found == findings->verdicts.end() ? nullptr : &*found;
  }

  bool seen_inside() const { return findings != nullptr && findings->inside.has_value(); }

  explicit Overall(const JudgedSummary& summary) {
    std::vector<double> utils, steady_utils, fullness;
    std::optional<double> least_util;
    // What a card did before it was lost says nothing of those that go on.
    const bool all_lost = std::ranges::all_of(summary.gpus, is_lost);
    for (std::size_t i = 0; i < summary.gpus.size(); ++i) {
      const GpuSummary& one = summary.gpus[i];
      if (is_lost(one) && !all_lost) continue;
      if (const auto util = one.mean(Metric::gpu_util)) {
        utils.push_back(*util);
        if (const auto steady = steady_util(one)) steady_utils.push_back(*steady);
      }
      const auto used = one.mean(Metric::memory_used);
      const auto total = one.memory_total_mib();
      if (used && total && *total > 0) fullness.push_back(100 * *used / *total);
      if (one.peak_memory_mib) peak_memory_mib = std::max(peak_memory_mib.value_or(0), *one.peak_memory_mib);
      // The advice is for the card that has the most room: another's would contradict it.
      const auto steady = steady_util(one);
      const double util = steady ? *steady : one.mean(Metric::gpu_util).value_or(100);
      if (least_util && util >= *least_util) continue;
      least_util = util;
      card = &one;
      findings = &summary.findings.at(i);
      if (summary.gpus.size() > 1) which = fmt::format("GPU {}", one.gpu.index);
    }
    gpu_util = mean_of(utils);
    if (steady_utils.size() == utils.size()) steady_gpu_util = mean_of(steady_utils);
    memory_percent = mean_of(fullness);
  }
};

Text no_util_line(const Overall& overall) {
  if (overall.card == nullptr || !overall.card->no_util) {
    return {"GPU-Util could not be read", "没有读到GPU利用率"};
  }
  const GpuProblem& why = *overall.card->no_util;
  return {"GPU-Util could not be read: {} → {}", "没有读到GPU利用率：{} → {}", why.what, why.cure};
}

Text well_used_line(const Overall& overall) {
  Text line{"The GPU is well used!", "GPU利用率良好!"};
  if (const Finding* but = overall.verdict(); but != nullptr && belies_util(*but, overall.seen_inside())) {
    const std::string which = overall.which == "GPU" ? "" : overall.which + " ";
    return {"GPU-Util is high, but {}{}. {}", "GPU利用率良好! 但{}{}。{}", which, but->headline, but->next_step};
  }
  if (overall.gpu_util && *overall.gpu_util <= kGoodGpuUtil) {  // what is good is the steady part
    line += Text(" (in its steady part)", "（稳定阶段）");
  }
  return line;
}

// The advice follows the verdict, or says that it does not know.
Text has_room_line(const Overall& overall) {
  const std::string which_en = overall.which == "GPU" ? "The GPU" : overall.which;
  if (const Finding* why = overall.verdict()) {
    if (overall.seen_inside() && why->key == "compute_bound") {
      return {fmt::format("{} has room, but not in the steps that were looked at: {}. {}", which_en, why->headline.en,
                          why->next_step.en),
              fmt::format("{}还有余力，但不在所观察的训练步中：{}。{}", overall.which, why->headline.zh,
                          why->next_step.zh)};
    }
    return {fmt::format("{} has room: {}. {}", which_en, why->headline.en, why->next_step.en),
            fmt::format("{}还有余力：{}。{}", overall.which, why->headline.zh, why->next_step.zh)};
  }
  Text line{which_en + " has room; why is not known", overall.which + "还有余力，原因未知"};
  if (overall.findings == nullptr || overall.findings->no_verdict.empty()) return line;
  line += Text(": {}", "：{}", overall.findings->no_verdict);
  return line;
}

// The fifth line.
void add_judgement(Lines& lines, const Overall& overall) {
  if (!overall.judged()) {
    lines.add("❔", no_util_line(overall));
  } else if (*overall.judged() > kGoodGpuUtil) {
    lines.add("✅", well_used_line(overall));
  } else {
    lines.add("💡", has_room_line(overall));
  }
}

std::string value(double number, MetricKind kind) {
  return kind == MetricKind::share || number < 100 ? fmt::format("{:.1f}", number) : fmt::format("{:.0f}", number);
}

// Constants are not a table's business, and readings that were 0 throughout say nothing but that.
bool worth_a_row(const MetricRow& row, const std::optional<MetricSummary>& summary) {
  if (!summary) return false;
  switch (row.metric) {
    case Metric::memory_total:
    case Metric::memory_reserved:
    case Metric::power_limit:
      return false;
    case Metric::gpu_util:
    case Metric::memory_util:
    case Metric::memory_used:
    case Metric::sm_activity:
    case Metric::tensor_activity:
    case Metric::dram_activity:
      return true;
    default:
      return summary->max > 0;
  }
}

void add_table(Lines& lines, const GpuSummary& card) {
  lines.row({""}, {lines.shown({"mean", "平均"}), "p50", "p95", lines.shown({"max", "最大"}), "<10%",
                   lines.shown({"covered", "覆盖"})});
  for (const MetricRow& row : metric_rows()) {
    const auto& summary = card[row.metric];
    if (!worth_a_row(row, summary)) continue;
    Text label = row.title;
    if (!row.unit.empty()) {
      label += Text(" {}", " {}", row.unit);
    }
    lines.row(label, {value(summary->mean, row.kind), value(summary->p50, row.kind), value(summary->p95, row.kind),
                      value(summary->max, row.kind),
                      row.kind == MetricKind::share ? percent(100 * summary->under_10_share) : "",
                      fmt::format("{:.0f}%", 100 * summary->coverage)});
  }
}

void add_facts(Lines& lines, const GpuSummary& card) {
  if (card.peak_memory_mib) {
    const std::string peak = gigabytes(*card.peak_memory_mib);
    lines.add(
        {"  peak memory {} (largest sample: a lower bound)", "  峰值显存 {}（采样所得最大值，实际不低于此）", peak});
  }
  if (card.energy_j) {
    lines.add({"  energy {:.2f} kJ ({:.4f} kWh, {})", "  能耗 {:.2f} kJ（{:.4f} kWh，{}）", *card.energy_j / 1e3,
               *card.energy_j / 3.6e6,
               card.energy_from_counter ? Text{"the card's counter", "取自显卡计数器"}
                                        : Text{"power integrated over time", "由功耗对时间积分"}});
  }
  if (card.throttled_share > 0) {
    lines.add({"  clocks held down {:.1f}% of the time (by power {:.1f}%, by heat {:.1f}%)",
               "  降频时间 {:.1f}%（功耗 {:.1f}%，过热 {:.1f}%）", 100 * card.throttled_share,
               100 * card.power_throttled_share, 100 * card.heat_throttled_share});
  }
  if (card.ecc_errors.value_or(0) > 0) {
    lines.add({"  {:.0f} uncorrected ECC errors during the run: results may be wrong",
               "  运行期间出现 {:.0f} 个不可纠正的 ECC 错误：结果可能有误", *card.ecc_errors});
  }
  for (const auto& [xid, times] : card.xids) {
    lines.add({"  the driver reported Xid {}, {} times", "  驱动报告 Xid {}，共 {} 次", xid, times});
  }
  if (card.rejected > 0) {
    lines.add({"  {} impossible readings left out", "  已剔除 {} 个不可能的读数", card.rejected});
  }
  if (card.no_util) {
    lines.add({"  GPU-Util is N/A: {} → {}", "  GPU利用率为 N/A：{} → {}", card.no_util->what, card.no_util->cure});
  }
  if (card.problem) {
    lines.add({"  {} -> {}", "  {} → {}", card.problem->what, card.problem->cure});
  }
  if (card.stuck_for_s) {
    lines.add({"  driver call stuck for {:.0f} s at the end", "  结束时驱动调用已卡住 {:.0f} 秒", *card.stuck_for_s});
  }
}

std::string duration_of(double seconds) {
  return seconds < 60 ? fmt::format("{:.0f} s", seconds) : format_duration(std::round(seconds));
}

// "phases: no context on the card 21 s (28%), start-up 6 s (8%), steady 44 s (59%), end 4 s (5%)"
void add_phases(Lines& lines, const GpuSummary& card) {
  const double all_s = card.phases.all_s();
  if (!card.phases.known || all_s <= 0) return;
  Text text{"  phases:", "  阶段："};
  bool first = true;
  for (const PhaseRow& row : phase_rows()) {
    const double seconds = card.phases.of(row.phase);
    if (seconds <= 0) continue;
    const std::string share = fmt::format("{:.0f}%", 100 * seconds / all_s);
    text += Text("{} {} {} ({})", "{}{} {}（{}）", first ? Text{} : Text{",", "、"}, row.title, duration_of(seconds),
                 share);
    first = false;
  }
  lines.add(text);
  if (const auto util = steady_util(card); util && card.phases.of(Phase::steady) < all_s) {
    lines.add({"  GPU-Util in the steady part: " + percent(util), "  稳定阶段的GPU利用率：" + percent(util)});
  }
}

void add_no_verdict(Lines& lines, const GpuSummary& card, const Text& why) {
  if (why.empty() || is_lost(card)) return;
  lines.add({"  no verdict: {}", "  没有结论：{}", why});
}

// What no step shows, however closely one looks: it stands beside what was seen inside.
bool concerns_the_card(const Finding& verdict) {
  return !explains_use(verdict) || verdict.key == "thermally_throttled";
}

// Advice that another cause may make wrong is left out: `inside` has its own.
void add_verdicts(Lines& lines, std::span<const Finding> verdicts, bool inside = false) {
  if (inside && !verdicts.empty()) {
    lines.add({"  what the card showed beside it (what was measured inside counts over it):",
               "  显卡同时的表现（以程序内部的实测为准）："});
  }
  for (const Finding& verdict : verdicts) {
    lines.add({"  ◆ {} (confidence {:.0f}%)", "  ◆ {}（把握 {:.0f}%）", verdict.headline, 100 * verdict.confidence});
    lines.add({"    rule: {}", "    规则：{}", verdict.rule});
    lines.add({"    measured: {}", "    实测：{}", verdict.numbers});
    if (!inside || concerns_the_card(verdict)) lines.add({"    next: {}", "    下一步：{}", verdict.next_step});
  }
}

void add_run(Lines& lines, const RunSummary& run) {
  const std::string file = run.metrics.string();
  if (run.lines == 0) {
    lines.add({"run {}: no lines of several ranks", "训练 {}：没有多进程的记录", file});
    return;
  }
  lines.add({"run {}: {} ranks, spread of their waits for data {:.1f} % of the time ({} lines)",
             "训练 {}：{} 个进程，等待数据的时间差为 {:.1f}%（{} 条记录）", file, run.ranks, 100 * run.spread,
             run.lines});
  if (run.straggler) add_verdicts(lines, {&*run.straggler, 1});
}

void add_host(Lines& lines, const Summary& summary) {
  if (!summary.host_cpu) return;
  const auto mean = [](const std::optional<MetricSummary>& of) {
    return percent(of ? std::optional(of->mean) : std::nullopt);
  };
  const std::array<std::string, 3> means = {mean(summary.host_cpu), mean(summary.host_busiest_core),
                                            mean(summary.host_iowait)};
  lines.add({"host: CPU {}, busiest core {}, I/O wait {} (means)", "主机：CPU {}，最忙核心 {}，I/O等待 {}（平均）",
             means[0], means[1], means[2]});
}

}  // namespace

std::string summary_headline(const JudgedSummary& summary, TextStyle style) {
  Lines lines(style);
  lines.add("📊", {"Monitor summary:", "监控总结:"});
  if (summary.gpus.empty()) {
    const auto cpu = summary.host_cpu ? std::optional(summary.host_cpu->mean) : std::nullopt;
    const auto wait = summary.host_iowait ? std::optional(summary.host_iowait->mean) : std::nullopt;
    const std::string peak = summary.host_peak_memory_mib ? gigabytes(*summary.host_peak_memory_mib) : "N/A";
    lines.add({"Average CPU: " + percent(cpu), "平均CPU利用率: " + percent(cpu)})
        .add({"Average I/O wait: " + percent(wait), "平均I/O等待: " + percent(wait)})
        .add({"Peak host memory: " + peak, "峰值内存使用: " + peak})
        .add("❔", {"No GPU was watched", "没有监控到GPU"});
    return lines.text();
  }
  const Overall overall(summary);
  const std::string peak = overall.peak_memory_mib ? gigabytes(*overall.peak_memory_mib) : "N/A";
  Text util{"Average GPU-Util: " + percent(overall.gpu_util), "平均GPU利用率: " + percent(overall.gpu_util)};
  if (overall.steady_differs()) {
    util += Text(" (steady part: {})", "（稳定阶段: {}）", percent(overall.steady_gpu_util));
  }
  lines.add(util)
      .add({"Average memory use: " + percent(overall.memory_percent),
            "平均显存使用: " + percent(overall.memory_percent)})
      .add({"Peak memory use: " + peak, "峰值显存使用: " + peak});
  add_judgement(lines, overall);
  return lines.text();
}

std::string summary_details(const JudgedSummary& summary, TextStyle style) {
  Lines lines(style);
  for (std::size_t i = 0; i < summary.gpus.size(); ++i) {
    const GpuSummary& card = summary.gpus[i];
    const CardFindings& findings = summary.findings.at(i);
    const std::string name = card.gpu.name.empty() ? "" : "  " + card.gpu.name;
    lines.add({fmt::format("GPU {}{}", card.gpu.index, name)});
    const bool anything = std::ranges::any_of(card.metrics, [](const auto& metric) { return metric.has_value(); });
    if (anything) add_table(lines, card);
    add_facts(lines, card);
    add_phases(lines, card);
    add_verdicts(lines, findings.verdicts, findings.inside.has_value());
    if (!findings.inside) add_no_verdict(lines, card, findings.no_verdict);
  }
  if (summary.run) add_run(lines, *summary.run);
  add_host(lines, summary);
  lines.add({"{} at {} s: {} ticks, {} missed", "时长 {}，间隔 {} 秒：{} 次采样，错过 {} 次",
             format_duration(std::round(summary.duration_s)), summary.interval_s, summary.ticks, summary.missed});
  return lines.text();
}

}  // namespace wring

#include "wring/report/program/text.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "wring/report/program/arithmetic.h"
#include "wring/report/program/facts.h"
#include "wring/report/report_lines.h"

namespace wring {
namespace {

// The bar of a share: so many columns are a whole step.
constexpr double kBarColumns = 40;

void add_shares(ReportLines& lines, const StepShares& shares, TextStyle style) {
  const auto title = [&](const char* en, const char* zh) { return Text(en, zh).in(style.language); };
  using Align = TextTable::Align;
  TextTable table({{title("a step's time", "每步时间"), Align::left}, {"%"}, {"ms"}, {"", Align::left}});
  for (const ShareRow& row : kShareRows) {
    const double ms = shares.*row.ms, share = ms / shares.step_ms;
    if (share < 0.0005) continue;
    std::string bar;
    const auto columns = static_cast<int>(std::lround(share * kBarColumns));
    for (int i = 0; i < columns; ++i) bar += style.utf8 ? "█" : "#";
    table.row({row.name.in(style.language), fmt::format("{:.1f}", 100 * share), fmt::format("{:.2f}", ms), bar});
  }
  lines.add_table(table);
}

void add_work(ReportLines& lines, const JudgedProcess& one) {
  Text parts;
  const Text comma = {", ", "，"};
  for (const KernelKindTime& kind : one.work->kinds) {
    const double share = 100 * kind.ms / one.shares->step_ms;
    if (share < 1) continue;
    const auto row = std::ranges::find(kernel_kind_rows(), kind.kind, &KernelKindRow::kind);
    parts.append(comma, {"{} {:.0f} %", "{} {:.0f}%", row->name, share});
  }
  if (!parts.empty()) lines.add(Text("  kernels, in % of a step: {}", "  核函数占每步的比例：{}", parts));
}

Text effect_text(ResultsEffect effect) {
  switch (effect) {
    case ResultsEffect::exact:
      return {};
    case ResultsEffect::rounding:
      return {"   (rounds differently)", "   （舍入不同）"};
    case ResultsEffect::optimisation:
      return {"   (changes the optimisation)", "   （改变优化过程）"};
  }
  return {};
}

// "train.py:31  DataLoader(…, num_workers=0)  →  num_workers=8     92 % of a step waits here"
void add_change(ReportLines& lines, const CodeChange& change, const ObservedProcess& process) {
  const std::string place = change.place ? place_text(*change.place, process) + "  " : "";
  const std::string now = change.now.empty() ? "" : change.now + "  →  ";
  Text line{"     {}{}{}{}", "     {}{}{}{}", place, now, change.then, effect_text(change.effect)};
  if (!change.note.empty()) line += {"     {}", "     {}", change.note};
  lines.add(line);
}

}  // namespace

void add_finding(ReportLines& lines, const ProgramFinding& found, std::size_t number, const ObservedProcess& process) {
  const Finding& finding = found.finding;
  lines.add(Text("{}. {} (confidence {:.0f}%)", "{}. {}（把握 {:.0f}%）", number, finding.headline,
                 100 * finding.confidence));
  if (found.give_back_ms > 0) {
    const Text bound = found.at_most ? Text("at most", "最多可省") : Text("about", "约可省");
    lines.add(Text("   gives back {} {:.2f} ms, {:.0f} % of a step: {}", "   {} {:.2f} ms（每步的 {:.0f}%）：{}", bound,
                   found.give_back_ms, found.share, finding.next_step));
  } else if (!finding.next_step.empty()) {
    lines.add(Text("   next: {}", "   下一步：{}", finding.next_step));
  }
  for (const CodeChange& change : found.changes) add_change(lines, change, process);
  lines.add(Text("   measured: {}", "   实测：{}", finding.numbers));
  lines.add(Text("   rule: {}", "   规则：{}", finding.rule));
}

std::string judged_text(const JudgedProcess& judged, TextStyle style) {
  ReportLines lines(style);
  if (judged.shares) {
    add_shares(lines, *judged.shares, style);
    if (judged.work) add_work(lines, judged);
    if (const Text line = arithmetic_line(judged); !line.empty()) lines.add(Text("  {}", "  {}", line));
  }
  if (judged.shares) lines.gap();
  for (std::size_t i = 0; i < judged.findings.size(); ++i) {
    add_finding(lines, judged.findings[i], i + 1, judged.seen.process);
  }
  if (judged.findings.empty()) lines.add(Text("no verdict: {}", "没有结论：{}", judged.no_finding));
  return lines.text();
}

}  // namespace wring

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "wring/base/display_text.h"
#include "wring/monitor/live/parts.h"
#include "wring/monitor/live/pieces.h"
#include "wring/monitor/live/words.h"

namespace wring::live {
namespace {

constexpr int kWide = 100;        // columns from which bars stand side by side
constexpr int kNameColumns = 14;  // that a card's name keeps beside its facts
constexpr int kProcesses = 3;     // that come before larger plots
constexpr int kLeastPlot = 4;
constexpr int kVerdictMark = 2;  // columns of the sign before it
constexpr int kNumbersRows = 2;  // that a verdict's numbers may take

// The bars that a card can have.
struct Bar {
  Text label;
  std::vector<BarPart> parts;
  std::string value;
  Style style = Style::plain;
};

double share_of(std::optional<double> part, std::optional<double> whole) {
  return part && whole && *whole > 0 ? *part / *whole : 0;
}

Bar util_bar(const LiveGpu& gpu) {
  const std::optional<double> util = shown(gpu.sample, Metric::gpu_util);
  const Style style = util ? util_style(*util) : Style::dim;
  return {{"GPU-Util", "GPU利用率"}, {{util.value_or(0) / 100, style}}, percent(util), style};
}

Bar memory_bar(const LiveGpu& gpu) {
  const auto used = shown(gpu.sample, Metric::memory_used);
  const auto reserved = shown(gpu.sample, Metric::memory_reserved);
  const auto total = shown(gpu.sample, Metric::memory_total);
  const double used_share = share_of(used, total);
  const double reserved_share = share_of(reserved, total);
  const Style style = memory_style(used_share + reserved_share);
  std::string value = memory_of(used, total);
  if (used && total) value += fmt::format("  {:.0f} %", 100 * used_share);
  return {{"Memory", "显存"}, {{used_share, style}, {reserved_share, Style::reserved, true}}, value, style};
}

std::vector<Bar> activity_bars(const LiveGpu& gpu) {
  static const std::array<std::pair<Metric, Text>, 3> units = {{{Metric::sm_activity, {"SM", "SM活跃"}},
                                                                {Metric::tensor_activity, {"Tensor", "张量核心"}},
                                                                {Metric::dram_activity, {"DRAM", "显存带宽"}}}};
  std::vector<Bar> bars;
  for (const auto& [metric, label] : units) {
    const auto value = shown(gpu.sample, metric);
    if (value) bars.push_back({label, {{*value / 100, Style::activity}}, percent(value), Style::plain});
  }
  return bars;
}

// Columns that the value behind a bar takes, with the space before it: enough for bars in a column of their own to end
// alike, else what it needs.
int value_columns(const Bar& bar, bool alone) {
  constexpr int kWidest = 22;  // " 139.9/141 GiB  100 %"
  constexpr int kPercent = 6;
  return std::max(alone ? kWidest : kPercent, 1 + display_width(bar.value));
}

// Bars side by side in one line, each with its label before and its value behind it.
void draw_bars(const Sheet& sheet, const std::vector<Bar>& bars, const Area& area) {
  if (bars.empty()) return;
  constexpr int kGap = 3;
  const int count = static_cast<int>(bars.size());
  const int room = (area.columns - (count - 1) * kGap) / count;
  const int label_columns = std::min(sheet.look.language == Language::zh ? 10 : 9, room / 3);
  for (int i = 0; i < count; ++i) {
    const Bar& bar = bars[static_cast<std::size_t>(i)];
    const int column = area.column + i * (room + kGap);
    // The last one ends where the line does.
    const int end = i + 1 == count ? area.column + area.columns : column + room;
    const int value = std::min(value_columns(bar, count == 1), room - label_columns);
    sheet.canvas.put(area.row, column, sheet.say(bar.label), Style::plain, label_columns);
    draw_bar(sheet.canvas, {area.row, column + label_columns, end - column - label_columns - value}, bar.parts);
    sheet.canvas.put(area.row, end - value + 1, bar.value, bar.style, value - 1);
  }
}

void draw_header(const Sheet& sheet, const LiveGpu& gpu, const Area& area) {
  const auto temperature = shown(gpu.sample, Metric::temperature);
  const auto power = shown(gpu.sample, Metric::power);
  const auto limit = shown(gpu.sample, Metric::power_limit);
  std::string watts = rounded(power, "W");
  if (power && limit) watts = fmt::format("{:.0f}/{:.0f} W", *power, *limit);
  const std::string sm = rounded(shown(gpu.sample, Metric::sm_clock), "MHz");
  const std::string memory = rounded(shown(gpu.sample, Metric::memory_clock), "MHz");
  std::vector<Piece> facts = {{sheet.say(throttle_words(gpu.throttled)), throttle_style(gpu.throttled), 0},
                              {rounded(temperature, sheet.look.utf8 ? "°C" : "C"),
                               temperature ? temperature_style(*temperature) : Style::plain, 2},
                              {watts, (gpu.throttled & throttle_power_cap) != 0 ? Style::warn : Style::plain, 1},
                              {sm.empty() ? "" : "SM " + sm, Style::dim, 3},
                              {memory.empty() ? "" : sheet.say({"mem ", "显存 "}) + memory, Style::dim, 4}};
  // A card that was lost from the start has no name.
  const std::string title =
      gpu.gpu.name.empty() ? fmt::format("GPU {}", gpu.gpu.index) : fmt::format("{} {}", gpu.gpu.index, gpu.gpu.name);
  const int name = std::min(display_width(title), kNameColumns);
  facts = fit_pieces(std::move(facts), std::max(0, area.columns - name - kPieceGap), sheet.canvas);
  const int facts_columns =
      facts.empty() ? 0 : std::min(columns_of(facts, sheet.canvas), area.columns - name - kPieceGap);
  const int facts_at = area.column + area.columns - facts_columns;
  sheet.canvas.put(area.row, area.column, title, Style::bold,
                   facts_at - kPieceGap * (facts.empty() ? 0 : 1) - area.column);
  put_pieces(sheet.canvas, area.row, facts_at, facts, facts_columns);
}

void draw_rates(const Sheet& sheet, const LiveGpu& gpu, const Area& area) {
  std::vector<Piece> pieces;
  const auto add = [&](const char* link, Metric rx, Metric tx, int rank) {
    const std::string in = rate(shown(gpu.sample, rx));
    const std::string out = rate(shown(gpu.sample, tx));
    if (in.empty() && out.empty()) return;
    std::string text = link;
    if (!in.empty()) text += fmt::format(" {} {}", sheet.sign("↓", "in"), in);
    if (!out.empty()) text += fmt::format("  {} {}", sheet.sign("↑", "out"), out);
    pieces.push_back({text, Style::dim, rank});
  };
  add("PCIe", Metric::pcie_rx, Metric::pcie_tx, 0);
  add("NVLink", Metric::nvlink_rx, Metric::nvlink_tx, 1);
  if (const auto reserved = shown(gpu.sample, Metric::memory_reserved)) {
    pieces.push_back({fmt::format("{}{} {} GiB", sheet.sign("▒ ", "= "),
                                  sheet.say({"reserved by the driver", "驱动保留"}), gib(reserved)),
                      Style::dim, 3});
  }
  if (const auto occupancy = shown(gpu.sample, Metric::sm_occupancy)) {
    pieces.push_back({sheet.say({"occupancy ", "占用率 "}) + percent(occupancy), Style::dim, 2});
  }
  if (const auto errors = shown(gpu.sample, Metric::ecc_uncorrected); errors.value_or(0) > 0) {
    pieces.push_back(
        {fmt::format("{} {:.0f}", sheet.say({"uncorrected ECC errors", "不可纠正ECC错误"}), *errors), Style::bad, -1});
  }
  put_pieces(sheet.canvas, area.row, area.column, pieces, area.columns);
}

bool has_rates(const LiveGpu& gpu) {
  return std::ranges::any_of(std::array{Metric::pcie_rx, Metric::pcie_tx, Metric::nvlink_rx, Metric::nvlink_tx,
                                        Metric::memory_reserved, Metric::sm_occupancy},
                             [&](Metric metric) { return shown(gpu.sample, metric).has_value(); });
}

// Lines that the verdict's numbers take below its headline; 0 where they fit behind it.
int rows_of_numbers(const Sheet& sheet, const Finding& verdict, int columns) {
  const std::string& numbers = sheet.say(verdict.numbers);
  const int one_line = kVerdictMark + display_width(sheet.say(verdict.headline)) + kPieceGap + display_width(numbers);
  return one_line <= columns ? 0 : static_cast<int>(wrap(numbers, columns - kVerdictMark).size());
}

}  // namespace

void draw_verdict(const Sheet& sheet, const Finding& verdict, const std::string& prefix, const Area& area) {
  const std::string headline = sheet.sign("▶ ", "> ") + prefix + sheet.say(verdict.headline);
  const int column = sheet.canvas.put(area.row, area.column, headline, Style::bold, area.columns) + kPieceGap;
  const std::string& numbers = sheet.say(verdict.numbers);
  if (area.rows > 1) {
    draw_paragraph(sheet, numbers, Style::plain,
                   {area.row + 1, area.column + kVerdictMark, area.columns - kVerdictMark, area.rows - 1});
  } else if (const int room = area.column + area.columns - column; room > kPieceGap) {
    sheet.canvas.put(area.row, column, numbers, Style::plain, room);
  }
}

namespace {

// What stands in place of readings: why there are none, the cure, and what was seen before.
void draw_trouble(const Sheet& sheet, const LiveGpu& gpu, const Text& trouble, Area area) {
  const auto take = [&](int rows) {
    area.row += rows;
    area.rows -= rows;
  };
  const Style style = gpu.problem || gpu.stuck_for_s ? Style::bad : Style::dim;
  if (area.rows > 0) {
    take(draw_paragraph(sheet, sheet.say(trouble), style,
                        {area.row, area.column, area.columns, std::min(area.rows, 2)}));
  }
  if (gpu.problem && !gpu.problem->cure.empty() && area.rows > 0) {
    const std::string cure = sheet.sign("→ ", "-> ") + sheet.say(gpu.problem->cure);
    take(draw_paragraph(sheet, cure, Style::plain, {area.row, area.column, area.columns, std::min(area.rows, 3)}));
  }
  if (area.rows >= kLeastPlot) draw_plots(sheet, gpu, area);
}

// How many rows each part of a card gets.
struct CardRows {
  int bars = 0;
  int verdict = 0;
  int activity = 0;
  int rates = 0;
  int next_step = 0;
  int numbers = 0;
  int processes = 0;
  int plot_gap = 0;
  int process_gap = 0;
  int plots = 0;
};

// The most important part is granted its rows first.
CardRows share_rows(const Sheet& sheet, const LiveGpu& gpu, int activity_bars, int columns, int budget) {
  const auto grant = [&](bool wanted, int rows) {
    if (!wanted || budget < rows) return 0;
    budget -= rows;
    return rows;
  };
  const bool wide = columns >= kWide, has_verdict = !gpu.verdicts.empty();
  CardRows rows;
  rows.bars = wide ? grant(true, 1) : grant(true, 1) + grant(true, 1);
  rows.verdict = grant(has_verdict, 1);
  rows.activity = activity_bars == 0 ? 0 : grant(true, wide ? 1 : activity_bars);
  rows.plots = grant(true, kLeastPlot);
  rows.rates = grant(has_rates(gpu), 1);
  rows.next_step = grant(has_verdict && !gpu.verdicts.front().next_step.empty(), 1);
  const int wanted = has_verdict ? rows_of_numbers(sheet, gpu.verdicts.front(), columns) : 0;
  while (rows.numbers < std::min(wanted, kNumbersRows) && grant(true, 1) > 0) ++rows.numbers;
  const int running = static_cast<int>(gpu.sample->processes.size());
  rows.processes = grant(running > 0, 1 + std::min(running, kProcesses));
  // Space above the plots and above the processes, then larger plots, then the rest of the processes.
  rows.plot_gap = grant(rows.plots > 0, 1);
  rows.process_gap = grant(rows.processes > 0, 1);
  if (rows.processes > 0 && running > kProcesses) {
    rows.processes += grant(budget > 12, std::min(running - kProcesses, budget - 12));
  }
  if (rows.plots > 0) rows.plots += budget;
  return rows;
}

}  // namespace

void draw_card(const Sheet& sheet, const LiveGpu& gpu, const Area& area) {
  const std::vector<Bar> activity = activity_bars(gpu);
  int row = area.row;
  const auto line = [&](int rows = 1) {
    const Area taken{row, area.column, area.columns, rows};
    row += rows;
    return taken;
  };
  if (area.rows <= 0) return;
  draw_header(sheet, gpu, line());
  if (const std::optional<Text> trouble = trouble_of(gpu)) {
    draw_trouble(sheet, gpu, *trouble, {row, area.column, area.columns, area.rows - 1});
    return;
  }

  const CardRows rows = share_rows(sheet, gpu, static_cast<int>(activity.size()), area.columns, area.rows - 1);
  if (area.columns >= kWide) {
    if (rows.bars > 0) draw_bars(sheet, {util_bar(gpu), memory_bar(gpu)}, line());
    if (rows.activity > 0) draw_bars(sheet, activity, line());
  } else {
    if (rows.bars > 0) draw_bars(sheet, {util_bar(gpu)}, line());
    if (rows.bars > 1) draw_bars(sheet, {memory_bar(gpu)}, line());
    for (int i = 0; i < rows.activity; ++i) draw_bars(sheet, {activity[static_cast<std::size_t>(i)]}, line());
  }
  if (rows.rates > 0) draw_rates(sheet, gpu, line());
  if (rows.verdict > 0) draw_verdict(sheet, gpu.verdicts.front(), "", line(rows.verdict + rows.numbers));
  if (rows.next_step > 0) {
    const Area at = line();
    sheet.canvas.put(at.row, at.column, "  " + sheet.sign("→ ", "-> ") + sheet.say(gpu.verdicts.front().next_step),
                     Style::plain, at.columns);
  }
  if (rows.plots > 0) {
    line(rows.plot_gap);
    draw_plots(sheet, gpu, line(rows.plots));
  }
  if (rows.processes > 0) {
    line(rows.process_gap);
    draw_processes(sheet, gpu.sample->processes, line(rows.processes));
  }
}

}  // namespace wring::live

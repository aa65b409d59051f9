#include "wring/monitor/live/layout.h"

#include <algorithm>
#include <tuple>

#include <fmt/format.h>

#include "wring/base/display_text.h"
#include "wring/base/duration.h"
#include "wring/monitor/live/parts.h"
#include "wring/monitor/live/pieces.h"
#include "wring/monitor/live/words.h"

namespace wring::live {
namespace {

constexpr int kCardRows = 9;       // from which a card among several is worth its own block
constexpr std::size_t kCards = 4;  // more cards are a table
constexpr int kMargin = 1;         // columns on each side, where the screen is not narrow
constexpr int kNarrow = 60;

// The first line: the program, how often, how long, what went wrong.
void draw_top(const Sheet& sheet, const Area& area) {
  const LiveStatus& status = sheet.status;
  std::string time = format_duration(status.elapsed_s);
  if (status.remaining_s)
    time += sheet.say({", ", "，剩余 "}) + format_duration(*status.remaining_s) + sheet.say({" left", ""});
  const double interval = sheet.model.interval_s;
  const std::string every = fmt::format("{}{:g} s", sheet.say({"every ", "间隔 "}), interval);
  const std::string missed = sheet.model.missed == 0               ? ""
                             : sheet.look.language == Language::zh ? fmt::format("漏采 {} 次", sheet.model.missed)
                                                                   : fmt::format("{} tick{} missed", sheet.model.missed,
                                                                                 sheet.model.missed == 1 ? "" : "s");
  std::vector<Piece> all = {
      {"wring monitor", Style::bold, 4},
      {status.driver_version.empty() ? "" : sheet.say({"driver ", "驱动 "}) + status.driver_version, Style::dim, 6},
      {sheet.say(status.source), Style::warn, 3},
      {status.paused ? sheet.say({"paused", "已暂停"}) : "", Style::warn, 0},
      {missed, Style::warn, 2},
      {interval > 0 ? every : "", Style::dim, 5},
      {time, Style::plain, 1}};
  all = fit_pieces(std::move(all), area.columns, sheet.canvas);
  // How often and how long stand at the right.
  const auto middle = std::ranges::find_if(all, [](const Piece& piece) { return piece.rank == 5 || piece.rank == 1; });
  const std::vector<Piece> left(all.begin(), middle);
  const std::vector<Piece> right(middle, all.end());
  const int right_columns = std::min(area.columns, columns_of(right, sheet.canvas));
  put_pieces(sheet.canvas, area.row, area.column, left, area.columns - right_columns);
  put_pieces(sheet.canvas, area.row, area.column + area.columns - right_columns, right, right_columns);
}

void draw_host(const Sheet& sheet, const Area& area) {
  const HostSample& host = sheet.model.host;
  const auto piece = [&](const Text& label, std::optional<double> value, double warn_from, int rank) -> Piece {
    if (!value) return {};
    return {sheet.say(label) + " " + percent(value), host_style(value, warn_from), rank};
  };
  std::string memory;
  if (host.memory_used_mib) {
    const auto total = host.memory_total_mib ? std::optional<double>(*host.memory_total_mib) : std::nullopt;
    memory = sheet.say({"memory ", "内存 "}) + memory_of(static_cast<double>(*host.memory_used_mib), total);
  }
  const std::string disk = rate(host.disk_read_mib_s);
  put_pieces(sheet.canvas, area.row, area.column,
             {{sheet.say({"host", "主机"}), Style::bold, 5},
              piece({"CPU", "CPU"}, host.cpu_percent, 95, 0),
              piece({"busiest core", "最忙核心"}, host.busiest_core_percent, 95, 2),
              piece({"I/O wait", "I/O等待"}, host.iowait_percent, 10, 1),
              {memory, Style::plain, 3},
              {disk.empty() ? "" : sheet.say({"disk ", "磁盘 "}) + disk, Style::plain, 4}},
             area.columns);
}

void draw_keys(const Sheet& sheet, const Area& area) {
  struct Key {
    std::string key;
    Text what;
    bool there;
  };
  const Key keys[] = {
      {"q", {"quit", "退出"}, true},
      {"?", {"help", "帮助"}, true},
      {"p", sheet.status.paused ? Text{"go on", "继续"} : Text{"pause", "暂停"}, true},
      {sheet.sign("↑↓", "j/k"), {"card", "选卡"}, sheet.model.gpus.size() > 1},
      {"+/-", {"interval", "间隔"}, sheet.status.can_change_interval},
  };
  int column = area.column;
  for (const auto& [key, what, there] : keys) {
    const int columns = display_width(key) + 1 + display_width(sheet.say(what));
    if (!there || column + columns > area.column + area.columns) continue;
    column = sheet.canvas.put(area.row, column, key, Style::key);
    column = sheet.canvas.put(area.row, column + 1, sheet.say(what), Style::dim) + kPieceGap;
  }
}

// Why there is nothing to show, and the cure for each reason.
void draw_no_cards(const Sheet& sheet, const Area& area) {
  int row = area.row;
  const int end = area.row + area.rows;
  const auto say = [&](const std::string& text, Style style) {
    if (row < end) row += draw_paragraph(sheet, text, style, {row, area.column, area.columns, end - row});
  };
  say(sheet.say({"no GPU: the host alone is watched", "没有可用的GPU：仅监控主机"}), Style::bold);
  for (const GpuProblem& problem : sheet.status.problems) {
    say(sheet.say(problem.what), Style::warn);
    if (!problem.cure.empty()) say("  " + sheet.sign("→ ", "-> ") + sheet.say(problem.cure), Style::plain);
  }
}

// Equal shares of the height, the first ones a line more where it does not come out even.
void draw_cards(const Sheet& sheet, const Area& area) {
  const int count = static_cast<int>(sheet.model.gpus.size());
  int row = area.row;
  for (int i = 0; i < count; ++i) {
    const int rows = area.rows / count + (i < area.rows % count ? 1 : 0);
    const int gap = i + 1 < count ? 1 : 0;
    draw_card(sheet, sheet.model.gpus[static_cast<std::size_t>(i)], {row, area.column, area.columns, rows - gap});
    row += rows;
  }
}

void draw_middle(const Sheet& sheet, const Area& area) {
  const std::vector<LiveGpu>& gpus = sheet.model.gpus;
  if (area.rows <= 0) return;
  if (sheet.status.help) return draw_help(sheet, area);
  if (gpus.empty()) return draw_no_cards(sheet, area);
  const int count = static_cast<int>(gpus.size());
  if (count == 1 || (gpus.size() <= kCards && area.rows / count >= kCardRows)) return draw_cards(sheet, area);
  // The table, and below it what there is room for of the selected card: all, or its verdict.
  constexpr int kLeastCard = 4;
  const LiveGpu& selected = gpus[sheet.status.selected];
  const int below = area.rows - (1 + count) - 1;
  if (below >= kLeastCard) {
    draw_table(sheet, {area.row, area.column, area.columns, 1 + count});
    draw_card(sheet, selected, {area.row + area.rows - below, area.column, area.columns, below});
    return;
  }
  const int verdict = !selected.verdicts.empty() && area.rows >= kLeastCard ? 1 : 0;
  draw_table(sheet, {area.row, area.column, area.columns, area.rows - verdict});
  if (verdict == 0) return;
  draw_verdict(sheet, selected.verdicts.front(), fmt::format("GPU {}: ", selected.gpu.index),
               {area.row + area.rows - 1, area.column, area.columns});
}

}  // namespace

int draw_paragraph(const Sheet& sheet, const std::string& text, Style style, const Area& area) {
  const std::vector<std::string> lines = wrap(text, area.columns);
  const int rows = std::min(area.rows, static_cast<int>(lines.size()));
  for (int i = 0; i < rows; ++i) {
    // The last line there is room for takes the rest, so that the cut is seen.
    std::string line = lines[static_cast<std::size_t>(i)];
    if (i + 1 == rows && static_cast<int>(lines.size()) > rows) line += " " + lines[static_cast<std::size_t>(rows)];
    sheet.canvas.put(area.row + i, area.column, line, style, area.columns);
  }
  return rows;
}

void draw_help(const Sheet& sheet, const Area& area) {
  const std::pair<std::string, Text> rows[] = {
      {"q", {"quit and print the summary", "退出并打印总结"}},
      {"p", {"stop the picture, not the measuring", "暂停画面（采样继续）"}},
      {sheet.sign("↑ ↓", "j k"), {"choose the card whose details are shown", "选择显示详情的GPU"}},
      {"+ -", {"measure more or less often", "加快或放慢采样"}},
      {"?", {"leave this help", "关闭帮助"}},
      {"", {}},
      {"GPU-Util",
       {"share of time in which any kernel ran; one thread makes it 100 %",
        "有内核运行的时间占比；单个线程也会显示100 %"}},
      {"SM", {"share of the multiprocessors that had work", "有任务的SM占比"}},
      {"Tensor", {"share of what the tensor cores can do", "张量核心的利用程度"}},
      {"DRAM", {"share of the memory bandwidth in use", "显存带宽的利用程度"}},
      {sheet.sign("▶", ">"),
       {"the verdict: what holds the card back, and what to do", "结论：瓶颈在哪里，下一步怎么做"}},
  };
  constexpr int kKeyColumns = 10;
  int row = area.row;
  for (const auto& [key, what] : rows) {
    if (row >= area.row + area.rows) return;
    sheet.canvas.put(row, area.column, key, Style::key, std::min(kKeyColumns, area.columns));
    const int column = area.column + kKeyColumns;
    const Area rest{row, column, area.columns - kKeyColumns, area.row + area.rows - row};
    row += rest.columns > 0 ? std::max(1, draw_paragraph(sheet, sheet.say(what), Style::plain, rest)) : 1;
  }
}

Canvas layout_live(const LiveModel& model, const LiveStatus& status, const LiveLook& look) {
  Canvas canvas(look.columns, look.rows, look.utf8);
  LiveStatus settled = status;
  settled.selected = model.gpus.empty() ? 0 : std::min(status.selected, model.gpus.size() - 1);
  const Sheet sheet{canvas, model, settled, look};
  const int margin = look.columns >= kNarrow ? kMargin : 0;
  const int columns = canvas.columns() - 2 * margin;
  // Lines around the cards, and a free one after the first and before the last two where the screen is high.
  const bool top = canvas.rows() >= 4;
  const bool host = canvas.rows() >= 6;
  const bool keys = canvas.rows() >= 9;
  const int space = canvas.rows() >= 20 ? 1 : 0;
  int first = 0;
  int end = canvas.rows();
  if (top) draw_top(sheet, {first++, margin, columns});
  if (keys) draw_keys(sheet, {--end, margin, columns});
  if (host) draw_host(sheet, {--end, margin, columns});
  first += space;
  end -= space;
  draw_middle(sheet, {first, margin, columns, end - first});
  return canvas;
}

}  // namespace wring::live

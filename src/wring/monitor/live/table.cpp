#include <algorithm>
#include <functional>

#include <fmt/format.h>

#include "wring/monitor/live/parts.h"
#include "wring/monitor/live/words.h"

namespace wring::live {
namespace {

// A column of the table. Those of the highest rank go first where the line is narrow.
struct Column {
  Text title;
  int columns;
  int rank;
  bool right;  // aligned
  std::function<void(const Sheet&, const LiveGpu&, const Area&)> draw;
};

constexpr int kUtilValue = 6;     // "100 %" behind its bar
constexpr int kMemoryValue = 14;  // "139.9/141 GiB" behind its bar
constexpr int kWithBars = 50;     // columns from which there is room for bars

void put_value(const Sheet& sheet, const Area& area, const std::string& value, Style style) {
  sheet.canvas.put_right(area.row, area.column + area.columns, value, style);
}

Column value_column(Text title, int columns, int rank, Metric metric, const char* unit) {
  return {std::move(title), columns, rank, true,
          [metric, unit](const Sheet& sheet, const LiveGpu& gpu, const Area& area) {
            const auto value = shown(gpu.sample, metric);
            const bool hot = metric == Metric::temperature && value;
            put_value(sheet, area, value ? fmt::format("{:.0f}{}", *value, unit) : "-",
                      hot     ? temperature_style(*value)
                      : value ? Style::plain
                              : Style::dim);
          }};
}

void draw_name(const Sheet& sheet, const LiveGpu& gpu, const Area& area) {
  std::string_view name = gpu.gpu.name;
  for (const std::string_view known : {"NVIDIA ", "GeForce "}) {
    if (name.starts_with(known)) name.remove_prefix(known.size());
  }
  sheet.canvas.put(area.row, area.column, name, Style::plain, area.columns);
}

void draw_util(const Sheet& sheet, const LiveGpu& gpu, const Area& area) {
  const auto util = shown(gpu.sample, Metric::gpu_util);
  const Style style = util ? util_style(*util) : Style::dim;
  const BarPart part{util.value_or(0) / 100, style};
  draw_bar(sheet.canvas, {area.row, area.column, area.columns - kUtilValue}, {&part, 1});
  put_value(sheet, area, percent(util), style);
}

void draw_memory(const Sheet& sheet, const LiveGpu& gpu, const Area& area) {
  const auto used = shown(gpu.sample, Metric::memory_used);
  const auto total = shown(gpu.sample, Metric::memory_total);
  const double share = used && total && *total > 0 ? *used / *total : 0;
  const BarPart part{share, memory_style(share)};
  draw_bar(sheet.canvas, {area.row, area.column, area.columns - kMemoryValue}, {&part, 1});
  put_value(sheet, area, memory_of(used, total), part.style);
}

void draw_state(const Sheet& sheet, const LiveGpu& gpu, const Area& area) {
  if (gpu.throttled != 0) {
    sheet.canvas.put(area.row, area.column, sheet.say(throttle_words(gpu.throttled)), throttle_style(gpu.throttled),
                     area.columns);
  } else if (!gpu.verdicts.empty()) {
    sheet.canvas.put(area.row, area.column, sheet.say(gpu.verdicts.front().headline), Style::plain, area.columns);
  }
}

void draw_spark(const Sheet& sheet, const LiveGpu& gpu, const Area& area) {
  draw_history(sheet.canvas, area, gpu.util, 100, util_style);
}

constexpr int kMarkColumns = 2;  // before each line: the sign of the selected card
constexpr int kLeastSpark = 12;
constexpr int kLeastState = 16;

std::vector<Column> columns_for(int room) {
  const bool bars = room >= kWithBars;  // else the numbers alone
  std::vector<Column> columns = {
      {{"GPU", "GPU"},
       3,
       0,
       true,
       [](const Sheet& sheet, const LiveGpu& gpu, const Area& area) {
         put_value(sheet, area, fmt::format("{}", gpu.gpu.index), Style::plain);
       }},
      {{"name", "名称"}, 12, 6, false, draw_name},
      {{"GPU-Util", "利用率"}, bars ? 16 : kUtilValue, 1, false, draw_util},
      {{"memory", "显存"}, bars ? 22 : kMemoryValue, 2, false, draw_memory},
      value_column({"power", "功耗"}, 6, 3, Metric::power, " W"),
      value_column({"temp", "温度"}, 4, 4, Metric::temperature, "°"),
      value_column({"SM", "SM"}, 4, 7, Metric::sm_activity, "%"),
      value_column({"tensor", "张量"}, 6, 8, Metric::tensor_activity, "%"),
      value_column({"DRAM", "带宽"}, 4, 9, Metric::dram_activity, "%"),
      {{"state", "状态"}, kLeastState, 10, false, draw_state},
      {{"history", "历史"}, kLeastSpark, 5, false, draw_spark},
  };
  const auto taken = [&] {
    int sum = -1;
    for (const Column& column : columns) sum += column.columns + 1;
    return sum;
  };
  while (columns.size() > 1 && taken() > room) {
    columns.erase(std::ranges::max_element(columns, {}, &Column::rank));
  }
  // What is left over widens the plot, then the state; with neither, the utilisation's bar.
  const int spare = std::max(0, room - taken());
  const auto find = [&](int rank) { return std::ranges::find(columns, rank, &Column::rank); };
  const auto state = find(10);
  const auto spark = find(5);
  if (state != columns.end() && spark != columns.end()) {
    const int to_state = std::min(spare / 2, 24);
    state->columns += to_state;
    spark->columns += spare - to_state;
  } else if (spark != columns.end()) {
    spark->columns += spare;
  } else if (const auto util = find(1); util != columns.end()) {
    util->columns += spare;
  }
  return columns;
}

void draw_line(const Sheet& sheet, const std::vector<Column>& columns, const LiveGpu& gpu, const Area& area) {
  const std::optional<Text> trouble = trouble_of(gpu);
  int column = area.column;
  for (const Column& each : columns) {
    // In place of values: why there are none, over the rest of the line. The plot keeps what was known.
    if (trouble && each.rank != 0 && each.rank != 6) {
      int end = area.column + area.columns;
      if (columns.back().rank == 5 && columns.back().columns < area.columns / 2) {
        const Area plot{area.row, end - columns.back().columns, columns.back().columns};
        draw_spark(sheet, gpu, plot);
        end = plot.column - 1;
      }
      const Style style = gpu.problem || gpu.stuck_for_s ? Style::bad : Style::dim;
      sheet.canvas.put(area.row, column, sheet.say(*trouble), style, end - column);
      return;
    }
    each.draw(sheet, gpu, {area.row, column, each.columns});
    column += each.columns + 1;
  }
}

// The first card to show, so that the selected one is in the window.
std::size_t first_shown(std::size_t count, std::size_t window, std::size_t selected) {
  if (count <= window) return 0;
  return std::min(selected - std::min(selected, window / 2), count - window);
}

}  // namespace

void draw_table(const Sheet& sheet, const Area& area) {
  const std::vector<LiveGpu>& gpus = sheet.model.gpus;
  if (area.rows <= 0 || gpus.empty()) return;
  const std::vector<Column> columns = columns_for(area.columns - kMarkColumns);
  const bool titled = area.rows >= 3;
  const auto window = static_cast<std::size_t>(area.rows - (titled ? 1 : 0));
  const std::size_t first = first_shown(gpus.size(), window, sheet.status.selected);
  const std::size_t end = std::min(gpus.size(), first + window);
  int row = area.row;
  if (titled) {
    int column = area.column + kMarkColumns;
    for (const Column& each : columns) {
      const std::string& title = sheet.say(each.title);
      if (each.right) {
        sheet.canvas.put_right(row, column + each.columns, title, Style::dim);
      } else {
        sheet.canvas.put(row, column, title, Style::dim, each.columns);
      }
      column += each.columns + 1;
    }
    ++row;
  }
  for (std::size_t i = first; i < end; ++i, ++row) {
    const bool more_above = i == first && first > 0;
    const bool more_below = i + 1 == end && end < gpus.size();
    if (i == sheet.status.selected) {
      sheet.canvas.put(row, area.column, sheet.sign("▶", ">"), Style::selected);
    } else if (more_above || more_below) {
      sheet.canvas.put(row, area.column, more_above ? sheet.sign("↑", "^") : sheet.sign("↓", "v"), Style::dim);
    }
    draw_line(sheet, columns, gpus[i], {row, area.column + kMarkColumns, area.columns - kMarkColumns});
  }
}

}  // namespace wring::live

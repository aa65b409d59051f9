#include <algorithm>
#include <functional>

#include <fmt/format.h>

#include "wring/base/duration.h"
#include "wring/monitor/live/parts.h"
#include "wring/monitor/live/pieces.h"
#include "wring/monitor/live/words.h"

namespace wring::live {
namespace {

constexpr int kThreeAcross = 110;  // columns from which the three plots stand side by side
constexpr int kTwoAcross = 64;     // from which memory and power do
constexpr int kTall = 8;           // lines that are enough for two rows of plots
constexpr int kGap = 3;

struct Plot {
  Text title;
  const std::vector<std::optional<float>>* values;
  double top = 100;
  std::string scale;  // what the top means: "100 %"
  std::function<Style(double)> style;
};

double largest(const std::vector<std::optional<float>>& values) {
  double most = 0;
  for (const auto& value : values) most = std::max(most, double(value.value_or(0)));
  return most;
}

bool any(const std::vector<std::optional<float>>& values) {
  return std::ranges::any_of(values, [](const auto& value) { return value.has_value(); });
}

// How long ago the left edge of a plot of that width was.
std::string span_of(const std::vector<double>& times, int columns) {
  if (times.size() < 2 || columns < 2) return "";
  const std::size_t shown = std::min(times.size(), static_cast<std::size_t>(columns));
  return format_duration(times.back() - times[times.size() - shown]);
}

void draw_plot(const Sheet& sheet, const Plot& plot, const Area& area) {
  const std::string span = span_of(sheet.model.times_s, area.columns);
  const std::vector<Piece> title = {{sheet.say(plot.title), Style::plain, 0}, {plot.scale, Style::dim, 1}};
  const int end = put_pieces(sheet.canvas, area.row, area.column, title, area.columns);
  const std::string last = span.empty() ? "" : sheet.say({"last ", "最近 "}) + span;
  if (end + 2 + static_cast<int>(last.size()) <= area.column + area.columns) {
    sheet.canvas.put_right(area.row, area.column + area.columns, last, Style::dim);
  }
  draw_history(sheet.canvas, {area.row + 1, area.column, area.columns, area.rows - 1}, *plot.values, plot.top,
               plot.style);
}

Plot util_plot(const LiveGpu& gpu) {
  return {{"GPU-Util", "GPU利用率"}, &gpu.util, 100, "0-100 %", util_style};
}

Plot memory_plot(const LiveGpu& gpu) {
  const double top = gpu.memory_total_mib.value_or(largest(gpu.memory_mib));
  return {{"Memory", "显存"}, &gpu.memory_mib, top, fmt::format("0-{} GiB", gib(top)), [top](double mib) {
            return memory_style(top > 0 ? mib / top : 0);
          }};
}

Plot power_plot(const LiveGpu& gpu) {
  const double top = std::max(gpu.power_limit_w.value_or(0), largest(gpu.power_w));
  return {{"Power", "功耗"}, &gpu.power_w, top, fmt::format("0-{:.0f} W", top), [](double) { return Style::power; }};
}

// Plots side by side in the same lines.
void draw_across(const Sheet& sheet, const std::vector<Plot>& plots, const Area& area) {
  const int count = static_cast<int>(plots.size());
  const int columns = (area.columns - (count - 1) * kGap) / count;
  for (int i = 0; i < count; ++i) {
    draw_plot(sheet, plots[static_cast<std::size_t>(i)],
              {area.row, area.column + i * (columns + kGap), columns, area.rows});
  }
}

}  // namespace

void draw_plots(const Sheet& sheet, const LiveGpu& gpu, const Area& area) {
  std::vector<Plot> plots;
  for (Plot& plot : std::vector{util_plot(gpu), memory_plot(gpu), power_plot(gpu)}) {
    if (any(*plot.values)) plots.push_back(std::move(plot));
  }
  if (plots.empty() || area.rows < 2) return;
  if (area.columns >= kThreeAcross) {
    draw_across(sheet, plots, area);
    return;
  }
  // The first over the whole width; the others below it where there is room for both.
  const int rest_rows = plots.size() > 1 && area.rows >= kTall ? area.rows / 2 : 0;
  draw_plot(sheet, plots.front(),
            {area.row, area.column, area.columns, area.rows - rest_rows - (rest_rows > 0 ? 1 : 0)});
  if (rest_rows == 0) return;
  std::vector<Plot> rest(plots.begin() + 1, plots.end());
  if (area.columns < kTwoAcross) rest.resize(1);
  draw_across(sheet, rest, {area.row + area.rows - rest_rows, area.column, area.columns, rest_rows});
}

}  // namespace wring::live

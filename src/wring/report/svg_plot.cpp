#include "wring/report/svg_plot.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "wring/report/html_text.h"

namespace wring {
namespace {

// Of the picture, in its own units; the page scales it.
constexpr double kWidth = 640, kHeight = 320, kLeft = 64, kRightEdge = 624, kTop = 16, kBottom = 268;
constexpr double kLogarithmicFrom = 16;

struct Scale {
  double x_low = 0, x_high = 1, y_high = 1;
  bool logarithmic = false;

  double x(double value) const {
    const double share =
        logarithmic ? std::log(value / x_low) / std::log(x_high / x_low) : (value - x_low) / (x_high - x_low);
    return kLeft + share * (kRightEdge - kLeft);
  }
  double y(double value) const { return kBottom - std::clamp(value / y_high, 0.0, 1.0) * (kBottom - kTop); }
};

std::string number(double value) {
  return fmt::format("{:.6g}", value);
}

bool has_points(const Plot& plot) {
  return std::ranges::any_of(plot.series, [](const PlotSeries& series) { return !series.points.empty(); });
}

Scale scale_of(const Plot& plot) {
  Scale scale;
  double x_low = std::numeric_limits<double>::infinity(), x_high = -x_low, y_high = 0;
  for (const PlotSeries& series : plot.series) {
    for (const PlotPoint& point : series.points) {
      x_low = std::min(x_low, point.x);
      x_high = std::max(x_high, point.x);
      if (series.mark != PlotMark::crosses) y_high = std::max(y_high, point.y);
    }
  }
  for (const PlotLevel& level : plot.levels) y_high = std::max(y_high, level.y);
  scale.logarithmic = x_low > 0 && x_high / x_low >= kLogarithmicFrom;
  // Some room, so that no mark stands on the frame.
  const double margin = std::max(0.04 * (x_high - x_low), 0.5);
  scale.x_low = scale.logarithmic ? x_low / 1.2 : std::max(0.0, x_low - margin);
  scale.x_high = scale.logarithmic ? x_high * 1.2 : x_high + margin;
  const std::vector<double> ticks = round_ticks(0, y_high > 0 ? y_high * 1.05 : 1, 5);
  scale.y_high = ticks.back();
  return scale;
}

// Powers of two where the axis is logarithmic, as batch sizes go.
std::vector<double> x_ticks(const Scale& scale) {
  std::vector<double> ticks;
  if (!scale.logarithmic) {
    for (const double tick : round_ticks(scale.x_low, scale.x_high, 8)) {
      if (tick >= scale.x_low && tick <= scale.x_high) ticks.push_back(tick);
    }
    return ticks;
  }
  const int last = static_cast<int>(std::floor(std::log2(scale.x_high)));
  for (int power = static_cast<int>(std::ceil(std::log2(scale.x_low))); power <= last; ++power) {
    ticks.push_back(std::exp2(power));
  }
  return ticks;
}

std::string axes(const Plot& plot, const Scale& scale) {
  std::string svg;
  for (const double tick : round_ticks(0, scale.y_high, 5)) {
    const double y = scale.y(tick);
    svg +=
        fmt::format("<line class=\"grid\" x1=\"{}\" y1=\"{:.1f}\" x2=\"{}\" y2=\"{:.1f}\"/>", kLeft, y, kRightEdge, y);
    svg += fmt::format("<text class=\"tick\" x=\"{}\" y=\"{:.1f}\" text-anchor=\"end\">{}</text>\n", kLeft - 8, y + 4,
                       number(tick));
  }
  for (const double tick : x_ticks(scale)) {
    svg += fmt::format("<text class=\"tick\" x=\"{:.1f}\" y=\"{}\" text-anchor=\"middle\">{}</text>\n", scale.x(tick),
                       kBottom + 18, number(tick));
  }
  svg += fmt::format("<line class=\"axis\" x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\"/>", kLeft, kBottom, kRightEdge,
                     kBottom);
  svg += fmt::format("<text class=\"axis-title\" x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>\n",
                     (kLeft + kRightEdge) / 2, kBottom + 38, html_text(plot.x_title));
  svg += fmt::format(
      "<text class=\"axis-title\" transform=\"translate(14 {}) rotate(-90)\" text-anchor=\"middle\">{}</text>\n",
      (kTop + kBottom) / 2, html_text(plot.y_title));
  return svg;
}

std::string tip_of(const PlotPoint& point) {
  return point.tip.empty() ? "" : fmt::format("<title>{}</title>", html_text(point.tip));
}

std::string marks(const PlotSeries& series, const Scale& scale) {
  if (series.points.empty()) return "";
  std::string svg = fmt::format("<g class=\"{}\">", html_text(series.css_class));
  if (series.mark == PlotMark::line) {
    svg += "<polyline class=\"fit\" points=\"";
    for (const PlotPoint& point : series.points)
      svg += fmt::format("{:.1f},{:.1f} ", scale.x(point.x), scale.y(point.y));
    svg += "\"/>";
  }
  for (const PlotPoint& point : series.points) {
    const double x = scale.x(point.x), y = scale.y(point.y);
    switch (series.mark) {
      case PlotMark::line:
        break;
      case PlotMark::dots:
        svg +=
            fmt::format("<circle class=\"dot\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"4\">{}</circle>", x, y, tip_of(point));
        break;
      case PlotMark::ring:
        svg +=
            fmt::format("<circle class=\"ring\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"8\">{}</circle>", x, y, tip_of(point));
        break;
      case PlotMark::crosses:
        svg += fmt::format(
            "<g><line class=\"stem\" x1=\"{0:.1f}\" y1=\"{1}\" x2=\"{0:.1f}\" y2=\"{2}\"/>"
            "<path class=\"cross\" d=\"M{3:.1f} {4} l10 10 m0 -10 l-10 10\"/>{5}</g>",
            x, kTop + 10, kBottom, x - 5, kTop, tip_of(point));
        break;
    }
  }
  return svg + "</g>\n";
}

std::string levels(const Plot& plot, const Scale& scale) {
  std::string svg;
  for (const PlotLevel& level : plot.levels) {
    const double y = scale.y(level.y);
    svg +=
        fmt::format("<line class=\"level\" x1=\"{}\" y1=\"{:.1f}\" x2=\"{}\" y2=\"{:.1f}\"/>", kLeft, y, kRightEdge, y);
    svg += fmt::format("<text class=\"tick\" x=\"{}\" y=\"{:.1f}\" text-anchor=\"end\">{}</text>\n", kRightEdge, y - 5,
                       html_text(level.name));
  }
  return svg;
}

std::string legend(const Plot& plot) {
  std::string html;
  for (const PlotSeries& series : plot.series) {
    if (series.name.empty() || series.points.empty()) continue;
    html += fmt::format("<span class=\"{}\"><i></i>{}</span>", html_text(series.css_class), html_text(series.name));
  }
  return html.empty() ? "" : "<figcaption>" + html + "</figcaption>\n";
}

}  // namespace

std::vector<double> round_ticks(double low, double high, int count) {
  if (!(high > low) || count < 1) return {};
  const double raw = (high - low) / count;
  const double power = std::pow(10.0, std::floor(std::log10(raw)));
  double step = 10 * power;
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= raw * (1 - 1e-9)) {
      step = factor * power;
      break;
    }
  }
  std::vector<double> ticks;
  const double first = std::floor(low / step + 1e-9);
  for (double i = first;; ++i) {
    ticks.push_back(i * step);
    if (ticks.back() >= high - 1e-9 * step) return ticks;
  }
}

std::string svg_plot(const Plot& plot) {
  if (!has_points(plot)) return "";
  const Scale scale = scale_of(plot);
  std::string svg = fmt::format("<figure>\n<h3>{}</h3>\n", html_text(plot.title));
  svg += fmt::format("<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">\n", kWidth, kHeight,
                     html_text(plot.title));
  svg += axes(plot, scale) + levels(plot, scale);
  for (const PlotSeries& series : plot.series) svg += marks(series, scale);
  return svg + "</svg>\n" + legend(plot) + "</figure>\n";
}

}  // namespace wring

#pragma once
#include <optional>
#include <string>
#include <vector>

namespace wring {

// A plot as an inline SVG that needs nothing else: colours come from the page's style sheet through the classes of the
// series, text is escaped.

struct PlotPoint {
  double x = 0;
  double y = 0;
  std::string tip;  // shown under the pointer
};

enum class PlotMark {
  line,    // through the points, without marks
  dots,    // measured values
  ring,    // one that stands out
  crosses  // failures: at the upper edge where there is no value to show; only x counts
};

struct PlotSeries {
  std::string name;       // in the legend; "": not there
  std::string css_class;  // its colour: .name { color: … }
  PlotMark mark = PlotMark::dots;
  std::vector<PlotPoint> points;
};

struct PlotLevel {
  double y = 0;
  std::string name;
};

struct Plot {
  std::string title;
  std::string x_title;
  std::string y_title;
  std::vector<PlotSeries> series;
  std::vector<PlotLevel> levels;  // horizontal lines: a limit
};

// Empty when there is no point to show. The y axis begins at 0; the x axis is logarithmic where the largest x is 16
// times the smallest or more.
std::string svg_plot(const Plot& plot);

// Round numbers from 0 or below `low` to `high` or above, about `count` of them: 0, 500, 1000, …. For high ≤ low: none.
std::vector<double> round_ticks(double low, double high, int count);

}  // namespace wring

#pragma once
#include <functional>
#include <optional>
#include <span>

#include "wring/monitor/live/canvas.h"

namespace wring::live {

// Where something is drawn.
struct Area {
  int row = 0;
  int column = 0;
  int columns = 0;
  int rows = 1;
};

// A stretch of a bar, as a share of its length.
struct BarPart {
  double share = 0;
  Style style = Style::plain;
  bool hatched = false;  // told apart without colour too
};

// A horizontal bar in the first line of the area: the parts one after the other, in eighths of a column where the
// canvas shows UTF-8, and a thin track for the rest.
void draw_bar(Canvas& canvas, const Area& area, std::span<const BarPart> parts);

// The newest values, one a column, the last one at the right edge; `top` is the value that fills the height. A value
// that is there leaves a mark even where it is 0, and one that is not leaves a gap.
void draw_history(Canvas& canvas, const Area& area, std::span<const std::optional<float>> values, double top,
                  const std::function<Style(double)>& style_of);

}  // namespace wring::live

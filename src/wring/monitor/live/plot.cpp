#include "wring/monitor/live/plot.h"

#include <algorithm>
#include <cmath>

namespace wring::live {
namespace {

constexpr char32_t kFull = U'█';
constexpr char32_t kLeftEighths[] = {U' ', U'▏', U'▎', U'▍', U'▌', U'▋', U'▊', U'▉'};
constexpr char32_t kLowerEighths[] = {U' ', U'▁', U'▂', U'▃', U'▄', U'▅', U'▆', U'▇'};
constexpr char32_t kAsciiLevels[] = {U' ', U'.', U':'};

}  // namespace

void draw_bar(Canvas& canvas, const Area& area, std::span<const BarPart> parts) {
  const int steps = canvas.utf8() ? 8 : 1;  // a column's
  for (int column = 0; column < area.columns; ++column) {
    canvas.set(area.row, area.column + column, canvas.utf8() ? U'·' : U'-', Style::dim);
  }
  double before = 0;
  for (const BarPart& part : parts) {
    const auto position = [&](double share) {
      return static_cast<int>(std::lround(std::clamp(share, 0.0, 1.0) * area.columns * steps));
    };
    // A later part begins at the next whole column, because a column has one style.
    const int first = (position(before) + steps - 1) / steps;
    before += part.share;
    const int end = position(before);
    for (int column = first; column < end / steps; ++column) {
      const char32_t glyph = canvas.utf8() ? (part.hatched ? U'▒' : kFull) : (part.hatched ? U'=' : U'#');
      canvas.set(area.row, area.column + column, glyph, part.style);
    }
    if (end % steps != 0 && end / steps >= first) {
      canvas.set(area.row, area.column + end / steps, part.hatched ? U'▒' : kLeftEighths[end % steps], part.style);
    }
  }
}

void draw_history(Canvas& canvas, const Area& area, std::span<const std::optional<float>> values, double top,
                  const std::function<Style(double)>& style_of) {
  const int levels = canvas.utf8() ? 8 : 3;  // a line's
  const int shown = std::min(area.columns, static_cast<int>(values.size()));
  for (int i = 0; i < shown; ++i) {
    const std::optional<float> value = values[values.size() - static_cast<std::size_t>(shown - i)];
    if (!value) continue;
    const double share = top > 0 ? std::clamp(*value / top, 0.0, 1.0) : 0;
    const int height = std::max(1, static_cast<int>(std::lround(share * area.rows * levels)));
    const Style style = style_of(*value);
    for (int line = 0; line < area.rows; ++line) {  // from the bottom
      const int filled = std::clamp(height - line * levels, 0, levels);
      if (filled == 0) break;
      const char32_t glyph = canvas.utf8() ? (filled == levels ? kFull : kLowerEighths[filled])
                                           : (filled == levels ? U'#' : kAsciiLevels[filled]);
      canvas.set(area.row + area.rows - 1 - line, area.column + area.columns - shown + i, glyph, style);
    }
  }
}

}  // namespace wring::live

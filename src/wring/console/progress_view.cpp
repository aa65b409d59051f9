#include "wring/console/progress_view.h"

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

#include "wring/base/display_text.h"

namespace wring {
namespace {

constexpr int kMinBar = 10;
constexpr int kMaxBar = 40;

double fraction_of(const ProgressState& state) {
  return state.total <= 0 ? 0.0 : std::clamp(double(state.done) / double(state.total), 0.0, 1.0);
}

// Rounded down: 100 % means done.
std::string percent_of(const ProgressState& state) {
  return state.total <= 0 ? "" : fmt::format("{:3}%", static_cast<int>(fraction_of(state) * 100));
}

std::string counts_of(const ProgressState& state) {
  return state.total <= 0 ? fmt::format("{}", state.done) : fmt::format("{}/{}", state.done, state.total);
}

std::string times_of(const ProgressState& state, double now_s) {
  const std::string elapsed = format_duration(now_s - state.start_s);
  if (state.total <= 0 || state.done >= state.total) return "[" + elapsed + "]";
  const auto rate = state.rate.per_second();
  return fmt::format("[{}<{}]", elapsed, rate ? format_duration(double(state.total - state.done) / *rate) : "?");
}

std::string bar_of(double fraction, int columns, const ProgressLook& look) {
  static constexpr std::array kEighths = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  const int parts = look.utf8 ? 8 : 1;
  const int filled = static_cast<int>(fraction * columns * parts);
  std::string bar;
  for (int i = 0; i < filled / parts; ++i) bar += look.utf8 ? "█" : "#";
  if (filled % parts != 0) bar += kEighths[filled % parts];
  const int used = (filled + parts - 1) / parts;
  const std::string rest(columns - used, look.utf8 ? ' ' : '-');
  return look.color ? "|\x1b[32m" + bar + "\x1b[0m" + rest + "|" : "|" + bar + rest + "|";
}

void append_word(std::string& line, std::string_view word) {
  if (word.empty()) return;
  if (!line.empty()) line += ' ';
  line += word;
}

// Columns that the words take, with a space before each that is not empty.
int columns_of(std::initializer_list<std::string_view> words) {
  int columns = 0;
  for (const std::string_view word : words) {
    if (!word.empty()) columns += 1 + display_width(word);
  }
  return columns;
}

}  // namespace

std::string render_progress_bar(const ProgressState& state, const ProgressLook& look, int width, double now_s) {
  const int room = std::max(width - 1, 0);
  std::string label = without_controls(state.label);
  const std::string percent = percent_of(state);
  std::string counts = counts_of(state);
  std::string times = times_of(state, now_s);
  const int bar_least = state.total > 0 ? 1 + kMinBar + 2 : 0;  // with its space and its two ends

  // What stays, from the most to the least important; `left` is what is not yet given away.
  int left = room - columns_of({percent}) + 1 - columns_of({label});
  const auto keep = [&](int columns) {
    if (columns > left) return false;
    left -= columns;
    return true;
  };
  if (!keep(columns_of({times}))) times.clear();
  if (times.empty() || !keep(columns_of({counts}))) counts.clear();
  const bool with_bar = bar_least > 0 && !counts.empty() && keep(bar_least);
  std::string fields;
  if (with_bar || state.total <= 0) {
    for (const std::string& field : state.fields) {
      const std::string clean = without_controls(field);
      if (!keep(2 + display_width(clean))) break;
      fields += "  " + clean;
    }
  }

  if (left < 0) label = fit_columns(label, std::max(0, display_width(label) + left));
  std::string line = label;
  append_word(line, percent);
  if (with_bar) append_word(line, bar_of(fraction_of(state), std::min(kMinBar + left, kMaxBar), look));
  append_word(line, counts);
  append_word(line, times);
  line += fields;
  // Only a terminal too narrow for the percentage itself needs this; a line with a bar, and its colour, fits.
  return with_bar ? line : std::string(fit_columns(line, room));
}

std::string render_progress_line(const ProgressState& state, double now_s) {
  std::string line = without_controls(state.label);
  append_word(line, percent_of(state));
  append_word(line, counts_of(state));
  append_word(line, times_of(state, now_s));
  for (const std::string& field : state.fields) line += "  " + without_controls(field);
  return line;
}

}  // namespace wring

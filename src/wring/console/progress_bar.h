#pragma once
#include <cstdint>
#include <cstdio>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "wring/base/text.h"
#include "wring/console/progress_view.h"

namespace wring {

struct ProgressOptions {
  Language language = Language::en;
  bool quiet = false;             // nothing is written at all
  std::int64_t first_done = 0;    // a resumed run begins here
  double interval_s = 30;         // where the stream is no terminal: time between lines
  std::optional<bool> color;      // unset: on a terminal, unless NO_COLOR is set (no-color.org)
  std::optional<bool> utf8;       // unset: by LC_ALL, LC_CTYPE, LANG
  std::function<double()> clock;  // seconds, steady; empty: steady_clock
};

// Shows how far a run is. On a terminal one line, drawn again at most ten times a second; elsewhere a plain
// line every interval_s seconds and at the end, without control characters. Its functions may be called from
// any thread.
class ProgressBar {
 public:
  // The stream must outlive the bar. total 0: unknown.
  ProgressBar(std::FILE* stream, const Text& label, std::int64_t total, ProgressOptions options = {});
  // Ends the line where a bar still stands, so that what is printed next begins on its own.
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  // fields: the most important first; narrow terminals drop the last. They stay until the next call that
  // gives any.
  void update(std::int64_t done, std::vector<std::string> fields = {});
  // Shows the present state at once: a redraw on a terminal, a line elsewhere.
  void show();
  // Writes a message above the bar.
  void line(std::string_view text);
  // Shows the last state and ends the line. Calls after it write messages only.
  void finish();

 private:
  void draw(double now_s);
  void print_line(double now_s);
  void print_once(double now_s);
  void clear();
  std::string shown(const std::string& text) const;  // without the signs that the terminal cannot show

  std::mutex mutex_;
  std::FILE* const stream_;
  const ProgressOptions options_;
  const bool terminal_;
  const ProgressLook look_;
  ProgressState state_;
  double last_shown_s_;
  std::optional<std::pair<std::int64_t, std::vector<std::string>>> last_line_;  // where there is no terminal
  bool drawn_ = false;  // a bar stands on the terminal's last line
  bool finished_ = false;
};

}  // namespace wring

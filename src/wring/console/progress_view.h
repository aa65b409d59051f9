#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "wring/base/duration.h"
#include "wring/console/recent_rate.h"

namespace wring {

// What a progress bar shows; times in seconds of one steady clock.
struct ProgressState {
  std::string label;
  std::int64_t done = 0;
  std::int64_t total = 0;  // 0: unknown, no bar and no forecast
  double start_s = 0;
  RecentRate rate;
  std::vector<std::string> fields;  // "512 samples/s", the most important first
};

struct ProgressLook {
  bool utf8 = true;  // block characters; else '#' and '-'
  bool color = false;
};

// One line for a terminal: "train  45% |████▌     | 450/1000 [0:12<0:15] 512 samples/s  loss 0.0123", at most
// width − 1 columns, because a full line wraps on some terminals. When that is too narrow, fields go first
// (the last ones first), then the bar, the counts, the times, and the label is cut.
std::string render_progress_bar(const ProgressState& state, const ProgressLook& look, int width, double now_s);

// The same as a line of a log, without bar, colour or limit.
std::string render_progress_line(const ProgressState& state, double now_s);

}  // namespace wring

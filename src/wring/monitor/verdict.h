#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "wring/base/text.h"

namespace wring {

enum class Cause {
  input_bound,
  launch_bound,
  memory_bandwidth_bound,
  compute_bound,
  collective_bound,  // waiting for other cards
  power_throttled,
  thermally_throttled,
  idle,
  memory_nearly_full,
};

// What the measurements of one card say, with what they say it from.
struct Verdict {
  Cause cause = Cause::idle;
  std::string_view key;   // "input_bound"
  Text headline;          // "input-bound: the GPU waits for data"
  Text rule;              // the rule that fired, with its thresholds
  Text numbers;           // what was measured
  double confidence = 0;  // 0 to 1
  Text next_step;         // what to do or to measure next
};

}  // namespace wring

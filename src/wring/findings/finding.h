#pragma once
#include <string_view>
#include <vector>

#include "wring/base/text.h"
#include "wring/config/patcher.h"

namespace wring {

// A cause that the measurements show, with what they show it by.
struct Finding {
  std::string_view key;         // "input_bound"; of a literal
  Text headline;                // "input-bound: the GPU waits for data"
  Text numbers;                 // what was measured
  Text rule;                    // the rule that fired, with its thresholds
  double confidence = 0;        // 0 to 1
  Text next_step;               // what to do or to measure next
  std::vector<Assignment> fix;  // the change of the config that cures it; empty where no key does
};

}  // namespace wring

#pragma once
#include <optional>
#include <string>

#include "wring/findings/features.h"
#include "wring/findings/verdict.h"

namespace wring::rules {

// What the rules share. Each looks at the features of one card and finds its cause or nothing; a value that is absent
// supports no rule.

namespace limit = thresholds;
using Value = std::optional<double>;

inline bool at_least(const Value& value, double bound) {
  return value && *value >= bound;
}
inline bool below(const Value& value, double bound) {
  return value && *value < bound;
}
inline bool below_or_unknown(const Value& value, double bound) {
  return !value || *value < bound;
}

// "GPU-Util 23 %, SM activity 8.1 %": what was measured; what is absent is left out.
class Measured {
 public:
  Measured& add(const char* en, const char* zh, const Value& value, const char* unit = " %");
  Text text() const { return text_; }

 private:
  Text text_;
};

// The card's own numbers.
Measured activity(const Features& features);

Finding verdict(std::string_view key, double confidence, Text rule, Text numbers, Text next_step);

// The card is not in use all the time: by GPU-Util, or by SM activity where there is none.
bool waits(const Features& features);

// "GPU-Util < 70 %", or "SM activity < 35 %": the bound that waits() holds by.
Text waits_rule(const Features& features);

// How full the card is while a kernel runs; absent where either reading is.
Value sm_while_busy(const Features& features);

// Copies between host and card, in which no SM takes part.
bool only_copies(const Features& features);

// The program's readers have all that they can do.
bool readers_full(const Features& features);

// Its main thread prepares the data itself: nobody else does, and it reads, or hardly launches and launches large
// kernels.
bool main_thread_reads(const Features& features);

// Few kernels run while the program, or where that cannot be seen the computer, works or waits for its disk: the card
// is not idle, it starves. One PyTorch process that decodes whole photographs itself left an H200 at 0.3 % GPU-Util.
bool starves(const Features& features);

// verdict_card.cpp: from what the card shows.
std::optional<Finding> idle(const Features& features);
std::optional<Finding> compute_bound(const Features& features);
std::optional<Finding> tensor_cores_unused(const Features& features);
std::optional<Finding> memory_bandwidth_bound(const Features& features);
std::optional<Finding> power_throttled(const Features& features);
std::optional<Finding> heat_throttled(const Features& features);
std::optional<Finding> memory_nearly_full(const Features& features);

// verdict_waiting.cpp: what the card waits for.
std::optional<Finding> launch_bound(const Features& features);
std::optional<Finding> input_bound(const Features& features);
std::optional<Finding> collective_bound(const Features& features);

}  // namespace wring::rules

#pragma once
#include <span>
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
  straggler,  // of a run, not of a card (straggler.h)
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

struct CauseRow {
  Cause cause;
  std::string_view key;
  Text headline;
};

// One row a cause, in the order of the enumeration.
std::span<const CauseRow> cause_rows();

// The thresholds that the rules compare with, each with its reason in verdict.cpp. Per cent unless the name says
// otherwise.
namespace thresholds {
inline constexpr double silent_below_s = 20;
inline constexpr double idle_util = 5;
inline constexpr double low_util = 70;
inline constexpr double full_util = 95;
inline constexpr double tensor_compute_bound = 50;
inline constexpr double tensor_unused = 10;
inline constexpr double sm_compute_bound = 80;
inline constexpr double dram_bound = 60;
inline constexpr double memory_util_bound = 70;
inline constexpr double power_compute_bound = 85;
inline constexpr double launch_util = 40;
inline constexpr double tiny_kernel_util = 10;
inline constexpr double tiny_kernel_sm_while_busy = 10;
inline constexpr double launch_util_without_gpm = 60;
inline constexpr double launch_sm = 20;
inline constexpr double launch_power = 40;
inline constexpr double launch_memory_util = 15;
inline constexpr double sm_while_busy = 35;
inline constexpr double collective_sm = 30;
inline constexpr double collective_deviation = 5;
inline constexpr double collective_peer_sm = 40;
inline constexpr double core_busy = 90;
inline constexpr double core_at_work = 25;
inline constexpr double host_busy = 80;
inline constexpr double iowait = 5;
inline constexpr double sawtooth_deviation = 20;
inline constexpr double pcie_busy_mib_s = 4096;
inline constexpr double copying_sm = 5;
inline constexpr double power_throttled = 20;
inline constexpr double heat_throttled = 5;
inline constexpr double memory_full = 95;
}  // namespace thresholds

struct Features;

// What the rules find, most certain first. Nothing below 20 s of data, and nothing without evidence: a value that is
// absent supports no rule.
std::vector<Verdict> verdicts(const Features& features);

}  // namespace wring

#pragma once
#include <vector>

#include "wring/findings/finding.h"

namespace wring {

// The thresholds that the rules compare with. Per cent unless the name says otherwise.
namespace thresholds {

// A desktop or a monitor alone makes a few per cent.
inline constexpr double idle_util = 5;
inline constexpr double idle_sm = 1;

// The guide's line between good and low.
inline constexpr double low_util = 70;
// Where there is no GPU-Util (MIG): a card that is in use all the time shows more.
inline constexpr double low_sm = 35;
inline constexpr double full_util = 95;

// A dense matmul loop shows 60 to 95; half of the cycles is beyond what memory-bound layers do.
inline constexpr double tensor_compute_bound = 50;
inline constexpr double tensor_unused = 10;
// SM activity counts resident warps, so it proves computing only while DRAM stays below its own bound: an element-wise
// kernel fills the SMs too.
inline constexpr double sm_compute_bound = 80;
// The FP32 units at work make that reading surer.
inline constexpr double fp32_compute_bound = 40;

// A vision transformer in exact fp32 showed 2.5 % tensor and 56 % FP32 activity on an H200; networks in bf16 11 to 18
// and 2 to 7.
inline constexpr double tensor_hardly_used = 4;
inline constexpr double sm_while_unused = 50;
inline constexpr double fp32_at_work = 10;

// Copy loops reach 85 to 92 of the theoretical bandwidth; from 60 on the queues are full often.
inline constexpr double dram_bound = 60;
// The share of time is cruder than the share of bandwidth, hence higher, and trusted less.
inline constexpr double memory_util_bound = 70;
inline constexpr double power_compute_bound = 85;

// Kernels of a few microseconds occupy few SMs for part of the time, while GPU-Util counts every window with a kernel
// in it. Idle power alone is 10 to 20 per cent of the limit.
inline constexpr double launch_util = 40;
inline constexpr double launch_util_without_gpm = 60;
inline constexpr double launch_sm = 20;
inline constexpr double launch_power = 40;
inline constexpr double launch_memory_util = 15;
// Kernels of one block, launched without a pause, made 18 % GPU-Util and 0.02 % SM activity on an H200: so little while
// busy is launching and nothing else, at any GPU-Util.
inline constexpr double tiny_kernel_util = 10;
inline constexpr double tiny_kernel_sm_while_busy = 10;
// SM activity over GPU-Util: how full the card is while anything runs at all.
inline constexpr double sm_while_busy = 35;

// A small step that is launched from Python makes 7 to 13 % GPU-Util; beyond half the launches are not what it waits
// for most of the time.
inline constexpr double launch_low_util = 50;
// Of the thread that launches, with autograd's: it waits for nobody. The rest is what the system takes.
inline constexpr double launching = 80;
// The backward pass is 15 to 40 % of what an eager step launches, and nothing of what preparing data takes.
inline constexpr double backward_of_launching = 8;
inline constexpr double backward_of_launching_surely = 15;

inline constexpr double some_readers = 0.5;  // how many, on average over the time
inline constexpr double at_disk = 40;        // of the readers
// Ten photographs of 100 kB, or a second of tokens; less is a log.
inline constexpr double reading_mib_s = 1;

// A collective that waits spins on 16 to 32 of some 130 SMs, steadily, with GPU-Util at 100.
inline constexpr double collective_sm = 30;
inline constexpr double collective_deviation = 5;
inline constexpr double collective_peer_sm = 40;

inline constexpr double host_busy = 80;
// Of all cores; one blocked loader on a machine of 16 cores makes 6.
inline constexpr double iowait = 5;

// Pageable copies reach 3 to 6 GiB/s, pinned ones 12 to 55; a loader that is ahead needs less.
inline constexpr double pcie_busy_mib_s = 4096;
// GPU-Util counts copies too (100 on an H200 that did nothing else), SM activity does not.
inline constexpr double copying_sm = 5;

// A power cap that is touched now and then costs nothing that can be measured. At full load many cards run at it all
// the time (an H200 that trains EDSR 128×12: 87 % of the time, at 1966 of 1980 MHz), so it stands behind what the load
// is.
inline constexpr double power_throttled = 20;
// Heat is never wanted: the clocks fall far below what the power cap leaves.
inline constexpr double heat_throttled = 5;

// The next allocation of a usual size fails.
inline constexpr double memory_full = 95;

}  // namespace thresholds

struct Features;

// What the rules find, most certain first. Nothing below 20 s of a steady part, and nothing without evidence: a value
// that is absent supports no rule.
std::vector<Finding> verdicts(const Features& features);

// Why they find nothing, in half a sentence.
Text why_no_verdict(const Features& features);

}  // namespace wring

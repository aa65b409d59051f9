#pragma once
#include <optional>

#include "wring/base/text.h"
#include "wring/findings/features.h"

namespace wring::rules {

// What the rules on one card share. A value that is absent supports no rule.

// Lines that several causes are told apart by, in per cent unless the name says otherwise; a cause's own stand in its
// file.
namespace limit {

// The guide's line between good and low.
inline constexpr double kLowUtil = 70;
// Where there is no GPU-Util (MIG): a card that is in use all the time shows more.
inline constexpr double kLowSm = 35;
inline constexpr double kFullUtil = 95;

// A dense matmul loop shows 60 to 95; half of the cycles is beyond what memory-bound layers do.
inline constexpr double kTensorBusy = 50;
inline constexpr double kTensorUnused = 10;
// SM activity counts resident warps, also those that wait: it proves computing only while DRAM stays below its own
// bound.
inline constexpr double kSmBusy = 80;
// Copy loops reach 85 to 92 of the theoretical bandwidth; from 60 on the queues are full often.
inline constexpr double kDramBound = 60;
// The share of time is cruder than the share of bandwidth, hence higher, and trusted less.
inline constexpr double kMemoryUtilBound = 70;
// Idle power alone is 10 to 20 per cent of the limit.
inline constexpr double kLittlePower = 40;
// SM activity over GPU-Util: how full the card is while anything runs at all.
inline constexpr double kSmWhileBusy = 35;

// Of the thread that launches, with autograd's: it waits for nobody. The rest is what the system takes.
inline constexpr double kLaunching = 80;
// The backward pass is 15 to 40 % of what an eager step launches, and nothing of what preparing data takes.
inline constexpr double kBackwardOfLaunching = 8;
inline constexpr double kSomeReaders = 0.5;  // how many, on average over the time
// Ten photographs of 100 kB, or a second of tokens; less is a log.
inline constexpr double kReadingMibS = 1;
inline constexpr double kHostBusy = 80;  // of all cores

// Pageable copies reach 3 to 6 GiB/s, pinned ones 12 to 55; a loader that is ahead needs less.
inline constexpr double kPcieBusyMibS = 4096;
// GPU-Util counts copies too (100 on an H200 that did nothing else), SM activity does not.
inline constexpr double kCopyingSm = 5;

}  // namespace limit

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

// `numbers` with what the program does on the CPU, and the computer beside it.
Text host_numbers(const Features& features, Measured numbers);

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

}  // namespace wring::rules

#pragma once
#include "wring/tune/search/types.h"

namespace wring {

// A step that waits longer than this share of its time for data is held back by the loader, as TensorBoard's profiler
// rated it.
inline constexpr double kDataWaitShare = 0.05;

// The share of a step in which it waits for its batch, 0 to 1; 0 where nobody tells.
double data_wait_share(const TrialResult& result);

// Fills fit and note by what the trial says alone; what it says beside others follows from them all.
void judge_trial(SearchTrial& trial);

}  // namespace wring

#pragma once
#include "wring/tune/search_types.h"

namespace wring {

// Seconds on the machine's steady clock.
double machine_clock_s();

// Fills fit and note by what the trial says alone; what it says beside others follows from them all.
void judge_trial(SearchTrial& trial);

}  // namespace wring

#pragma once
#include "wring/console/console.h"

namespace wring {

// From now on one of kStopSignals ends this process with exit code 130 and a word, and not by the signal; those that
// were held back by hold_stop_signals() do so at once. For as long as nothing is under way that would have to be kept:
// SignalWait and StopSignal take the signals over. What was ignored at the start stays ignored.
void end_on_stop_signals(const CommonOptions& options);

// Before this process becomes wring-train, whose libraries load for some tenths of a second: the signals wait until it
// calls end_on_stop_signals(). Not SIGINT: Ctrl-C also ends a load that hangs, and the shell sees 130 of it as well.
void hold_stop_signals();

}  // namespace wring

#pragma once
#include "wring/session/monitor_options.h"

namespace wring {

// Watches until the time is over, a signal comes, or the command ends; then prints the summary. Returns the exit code:
// the command's own where there is one. Throws Error. Does not return while a driver call hangs: it then ends the
// process, after everything is written.
int monitor(const MonitorOptions& options);

}  // namespace wring

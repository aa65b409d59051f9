#pragma once
#include <optional>

#include "wring/session/monitor_options.h"

namespace wring {

// The arguments as options, or the exit code when there is nothing more to do. Throws Error{usage}.
std::optional<int> parse_monitor(const Arguments& arguments, MonitorOptions& options);

// `wring monitor …`
int monitor_command(const Arguments& arguments, const CommonOptions& common);

}  // namespace wring

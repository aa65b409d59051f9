#pragma once
#include <functional>
#include <memory>

#include "wring/gpu/telemetry.h"
#include "wring/monitor/serve/server.h"
#include "wring/session/monitor_options.h"

namespace wring {

// The server that --serve, --allow-remote and --token-file ask for; it listens and does not answer yet. Throws Error.
std::unique_ptr<serve::MonitorServer> make_monitor_server(const MonitorOptions& options, const Telemetry& telemetry,
                                                          std::function<JudgedSummary()> run,
                                                          std::function<JudgedSummary()> recent);

}  // namespace wring

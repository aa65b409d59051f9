#include "wring/session/monitor_server.h"

#include <array>

#include <unistd.h>

#include "wring/base/clock.h"
#include "wring/base/display_text.h"

namespace wring {
namespace {

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? without_controls(name.data()) : "localhost";
}

}  // namespace

std::unique_ptr<serve::MonitorServer> make_monitor_server(const MonitorOptions& options, const Telemetry& telemetry,
                                                          std::function<JudgedSummary()> run,
                                                          std::function<JudgedSummary()> recent) {
  serve::ServerOptions server;
  server.address = serve::parse_listen_address(*options.serve);
  server.allow_remote = options.allow_remote;
  server.token = serve::read_token(options.token_file);
  server.facts = {WRING_VERSION,        host_name(),      telemetry.source(), telemetry.driver_version(),
                  telemetry.problems(), telemetry.gpus(), unix_ms()};
  server.run = std::move(run);
  server.recent = std::move(recent);
  return std::make_unique<serve::MonitorServer>(std::move(server));
}

}  // namespace wring

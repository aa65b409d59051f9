#include "wring/session/monitor_server.h"

#include <array>
#include <chrono>

#include <unistd.h>

#include "wring/base/display_text.h"

namespace wring {
namespace {

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? without_controls(name.data()) : "localhost";
}

std::int64_t unix_ms_now() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
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
                  telemetry.problems(), telemetry.gpus(), unix_ms_now()};
  server.run = std::move(run);
  server.recent = std::move(recent);
  return std::make_unique<serve::MonitorServer>(std::move(server));
}

}  // namespace wring

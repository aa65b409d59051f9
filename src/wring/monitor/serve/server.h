#pragma once
#include <functional>
#include <memory>
#include <string>

#include "wring/findings/judged_summary.h"
#include "wring/monitor/serve/access.h"
#include "wring/monitor/serve/plot_history.h"
#include "wring/monitor/serve/served_state.h"
#include "wring/telemetry/tick.h"

namespace wring::serve {

struct ServerOptions {
  ListenAddress address;
  bool allow_remote = false;
  std::string token;  // "": none is asked for
  MonitorFacts facts;
  std::function<JudgedSummary()> run;     // the summary since the start; called from the server's thread
  std::function<JudgedSummary()> recent;  // of the last minute
};

// Answers HTTP/1.1: the page at /, /metrics for Prometheus, JSON under /api/v1. One thread of its own and no call that
// waits for a client, so that slow clients hold up neither the sampler nor each other. Connections (in all, and of one
// peer), headers, requests and the time that each may take are limited; where connections run out, the oldest silent
// one gives way. Requests with a body are refused.
class MonitorServer : public TickSink {
 public:
  // Listens, without answering yet. Throws Error{usage} where others could reach it and that was not allowed, and
  // Error{failed} where the address cannot be had, or in a build without Boost.
  explicit MonitorServer(ServerOptions options);
  ~MonitorServer() override;  // closes all connections
  MonitorServer(const MonitorServer&) = delete;
  MonitorServer& operator=(const MonitorServer&) = delete;

  // "http://127.0.0.1:9835/", with the port that was really taken.
  const std::string& url() const;

  void start();
  void on_tick(const Tick& tick) override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace wring::serve

#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <variant>

#include "wring/agent/observation.h"

namespace wring {

// What wring and the agent say to each other over a socket: one JSON object a line.

// Windows of steps, in this order. Zero steps: no such window.
struct AgentRequest {
  // The warm-up is over when both have passed and the step time is settled.
  std::int64_t after_steps = 20;
  double after_seconds = 2;
  std::int64_t steps = 50;  // under hooks alone, or what comes within the time
  double max_seconds = 15;
  std::int64_t trace_steps = 5;  // under torch's profiler
  double trace_max_seconds = 10;
  std::int64_t sync_steps = 3;   // in which torch tells every synchronising call
  double rate_seconds = 0.02;    // of the GPU, for one large product some times; 0: none
  std::filesystem::path folder;  // for the traces
};

// One line without its end.
std::string request_line(std::int64_t id, const AgentRequest& request);

// Its first line: a process has stepped an optimiser.
struct AgentHello {
  ObservedProcess process;
};
struct AgentPhase {
  std::string phase;  // "warmup", "steps", "trace", "export", "syncs", "rate"
};
struct AgentDone {
  Observation observation;
};
// It has switched itself off.
struct AgentFailed {
  AgentReason reason;
};
using AgentEvent = std::variant<AgentHello, AgentPhase, AgentDone, AgentFailed>;

// Throws Error{failed} naming the field: not JSON, another version, a value missing, of the wrong type or range.
AgentEvent parse_agent_event(std::string_view line);

}  // namespace wring

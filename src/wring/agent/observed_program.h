#pragma once
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "wring/agent/agent_files.h"
#include "wring/agent/messages.h"
#include "wring/agent/observation_source.h"
#include "wring/process/child_process.h"

namespace wring {

enum class EndOfProgram {
  by_itself,
  observed,     // ended here, once all was known
  timed_out,    // ended here, though not all was known
  interrupted,  // ended here, because somebody asked for that
};

// What came of a program with the agent in it.
struct ObservedProgram {
  std::vector<Observation> observations;  // by rank
  std::vector<AgentClient> silent;        // processes that stepped an optimiser and gave none, by rank
  EndOfProgram how = EndOfProgram::by_itself;
  ProcessEnd end;       // of the program; nothing in it while it runs, or where it hangs in a driver and does not end
  bool killed = false;  // SIGTERM or Ctrl-C did not end it
  double waited_s = 0;  // for the observations
  bool agent_removed = false;  // somebody removed its files while the program ran
};

struct ObserveOptions {
  AgentRequest request;                                         // its folder is that of the agent's files
  std::chrono::milliseconds timeout{std::chrono::minutes(10)};  // for all observations, the program's start included
  bool to_the_end = false;        // it is not ended once all is known, or the time is over
  bool output_to_errors = false;  // its standard output goes to standard error
  // In place of the agent, which then stays outside: where the processes report, and the variables by which they know.
  ObservationSource* source = nullptr;
  std::vector<std::pair<std::string, std::optional<std::string>>> environment;
  std::function<void()> on_first_step;          // once a process has stepped an optimiser and is measured
  std::function<void(EndOfProgram)> on_ending;  // before the program is ended
  // With to_the_end, once all is known that will be, and the agents have been let go: the program may run for days yet.
  std::function<void(const ObservedProgram&)> on_observed;
};

// Runs the command with this program's standard streams, in a session of its own, so that neither Ctrl-C nor job
// control of the terminal reaches it but through this program, and the agent in every Python that it starts (or
// `source` in its place). Returns once it has ended; nothing of it is left running, wherever that went, however this
// program ends. The first signal that asks this program to end (InterruptWatch) goes to the program as Ctrl-C, so that
// its agents tell what they know; once they have been let go (to_the_end) each signal goes to it as it is. SIGPIPE is
// ignored from now on. Throws Error{failed} where it cannot be started.
ObservedProgram observe_program(const std::vector<std::string>& command, const AgentFiles& files,
                                const ObserveOptions& options);

}  // namespace wring

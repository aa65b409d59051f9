#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "wring/agent/observed_program.h"
#include "wring/base/text.h"

namespace wring {

struct Silence {
  Text why;
  Text way_out;  // "" where there is none
};

// Why a program gave no observation, in the words of the first cause that is sure; absent where it gave one.
std::optional<Silence> why_silent(const ObservedProgram& program, const std::vector<std::string>& command);

// The same of one of its processes.
Silence why_silent(const ObservedProgram& program, const AgentClient& client);

// A process that stepped an optimiser and gave no measurement.
struct SilentProcess {
  std::int64_t pid = 0;
  std::int64_t rank = 0;
  std::string phase;  // the window that it was in; "" before the first
  Text reason;
};
std::vector<SilentProcess> silent_processes(const ObservedProgram& program);

// That the command line has a Python that the agent cannot enter: -I, -E, -S.
std::optional<Silence> isolated_python(const std::vector<std::string>& command);

}  // namespace wring

#pragma once
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

// That the command line has a Python that the agent cannot enter: -I, -E, -S.
std::optional<Silence> isolated_python(const std::vector<std::string>& command);

}  // namespace wring

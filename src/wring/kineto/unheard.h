#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "wring/agent/observed_program.h"
#include "wring/agent/silence.h"

namespace wring::kineto {

// Why a program without the agent gave no observation, though so many of its processes imported PyTorch; absent where
// it gave one.
std::optional<Silence> why_unheard(const ObservedProgram& program, std::size_t processes);

// What is told before such a program starts: that it is looked into in another way, and what that does not show.
// `why`: the agent cannot enter; "" where the user wants it so.
Silence without_agent(const Text& why);

}  // namespace wring::kineto

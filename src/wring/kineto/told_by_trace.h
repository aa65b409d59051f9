#pragma once
#include <filesystem>
#include <string>

#include "wring/agent/observation.h"
#include "wring/trace/chrome_trace.h"

namespace wring::kineto {

// An observation of a process by its traces alone. What they do not tell keeps its default, and `without_agent` says
// so: the process itself, places in the code, settings.

// Of many steps, recorded as ranges alone: how long they take, and wait for the loader. No steps where it has no whole
// one.
Observation observe_steps(const Trace& steps);

// Of a few steps, recorded in full: where the model computes, and what the optimiser and compiler are seen to do.
void add_profile(Observation& observation, const Trace& profile, const std::filesystem::path& path);

// The name of the cards in a trace's head; "" where it names none, or several kinds.
std::string device_name_in(const std::filesystem::path& trace);

}  // namespace wring::kineto

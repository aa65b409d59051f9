#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>

#include <sys/types.h>

#include "wring/agent/observation.h"

namespace wring::kineto {

// What the system tells of a process: its command line and folder, its rank by the variables that launchers set.
// `proc`: /proc, or a stand-in. What cannot be read has its default.
ObservedProcess process_facts(pid_t pid, const std::filesystem::path& proc = "/proc");

// That it may use; absent where the system does not tell.
std::optional<std::int64_t> cores_of(pid_t pid);

}  // namespace wring::kineto

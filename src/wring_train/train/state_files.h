#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "wring/files/folder.h"

namespace wring {

// The states of a run in its checkpoints folder, one file a checkpoint: state_STEP.safetensors. Each is whole by
// itself, so that a run never goes on from the parts of two checkpoints.
std::string state_file(std::int64_t step);

// Those that there are, the newest first; then the one of version 0.1, state.safetensors, if there is one. Throws
// Unreadable where the folder cannot be listed.
std::vector<std::string> state_files(const Folder& checkpoints);

// Removes all but the newest `keep`. What cannot be removed is left: it does no harm but for its space.
void remove_older_states(const Folder& checkpoints, std::int64_t keep);

}  // namespace wring

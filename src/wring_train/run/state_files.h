#pragma once
#include <cstdint>
#include <filesystem>
#include <vector>

namespace wring {

// The states of a run in its checkpoints folder, one file a checkpoint: state_STEP.safetensors. Each is whole by
// itself, so that a run never goes on from the parts of two checkpoints.
std::filesystem::path state_file(const std::filesystem::path& checkpoints, std::int64_t step);

// Those that there are, the newest first; then the one of version 0.1, state.safetensors, if there is one.
std::vector<std::filesystem::path> state_files(const std::filesystem::path& checkpoints);

// Removes all but the newest `keep`. What cannot be removed is left: it does no harm but for its space.
void remove_older_states(const std::filesystem::path& checkpoints, std::int64_t keep);

// Removes what a killed run left of files that it was writing.
void remove_unfinished_files(const std::filesystem::path& checkpoints);

}  // namespace wring

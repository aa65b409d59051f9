#pragma once
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <optional>

namespace wring {

// How often a running monitor saves its summary, so that a kill loses no more than that.
inline constexpr double kCheckpointPeriodS = 10;

// Whole or not at all. Waits for the disk: not for the sampler's thread. Throws Error{failed}.
void write_summary(const std::filesystem::path& path, const nlohmann::ordered_json& summary);

// The place of a run that named none: $XDG_STATE_HOME/wring (else ~/.local/state/wring), a file of its own for each
// run, the newest `keep` of which stay. Absent where there is no such folder and none can be made.
std::optional<std::filesystem::path> default_checkpoint_path(int keep = 20);

}  // namespace wring

#pragma once
#include <filesystem>
#include <optional>

#include "wring/base/environment.h"
#include "wring/console/console.h"

namespace wring {

// Starts `count` processes of `program` with these arguments (without --nproc) as the ranks of one run on this machine,
// and supervises them: each gets RANK, WORLD_SIZE, LOCAL_RANK, LOCAL_WORLD_SIZE, MASTER_ADDR (the loopback address) and
// MASTER_PORT, and the rest of the environment as it is, NCCL_* among it. Rank 0 prints as if it were alone; what the
// others say is shown with their number, and once only where several say the same. kStopSignals are passed on.
// When one fails the others get a second to say why, are then asked to end, and after a few more killed. Returns the
// exit code of the rank that failed first, 130 after an interrupt, 0 when all are done. Throws Error{failed} naming the
// rank that a signal ended, Error{usage} where a launcher's variables are set already. `input`: a descriptor that rank
// 0 reads as its standard input; the others read nothing, as all do without one.
int launch_ranks(const std::filesystem::path& program, const Arguments& arguments, int count, int input = -1);

// Set in the ranks that launch_ranks() starts.
inline constexpr VariableName kLauncherVariable = "WRING_LAUNCHER_PID";

// Throws Error{usage} where --nproc was given another number than one of ranks that a machine can have.
void require_rank_count(std::optional<int> nproc);

// The arguments without --nproc and its value.
Arguments without_nproc(const Arguments& arguments);

}  // namespace wring

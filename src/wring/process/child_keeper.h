#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include <sys/types.h>

#include "wring/files/descriptor.h"
#include "wring/process/spawn.h"

namespace wring {

// A command under a process of its own, its keeper. What outlives its own parent becomes the keeper's child
// (PR_SET_CHILD_SUBREAPER), so neither setsid nor a double fork gets away from it; where a control group can be had
// the command is in one. Once the command has ended the keeper kills what it left running and ends as it did: with its
// exit status, or by its signal.
struct KeptCommand {
  pid_t keeper = -1;  // a child of this process, in a session of its own

  // A byte is the number of a signal for the command's process group; SIGKILL is for all that it started. When no
  // process holds this end any more, which the kernel sees to however this one ends, all is killed and
  // the scratch folder removed.
  Descriptor control;
};

// Starts the command as spawn_group() does, with a keeper. `scratch_folder`: empty where there is none. Throws
// Error{failed} naming the program.
KeptCommand spawn_kept(const std::vector<std::string>& command, const ChildOptions& options,
                       const ChildStreams& streams, const std::filesystem::path& scratch_folder);

}  // namespace wring

#pragma once
#include <optional>
#include <string>
#include <vector>

#include "wring/process/spawn.h"

namespace wring {

// How a child ended. Exactly one of the first two has a value, also after a timeout or too much output (then the signal
// is SIGKILL).
struct ChildResult {
  std::optional<int> exit_status;
  std::optional<int> signal;
  bool timed_out = false;
  bool printed_too_much = false;  // more than options.most_output: killed, and the rest is not here
  std::string out;                // everything on standard output
  std::string err;                // everything on standard error

  bool ok() const { return exit_status == 0; }
};

// Runs command[0] (looked up on PATH unless it has a slash) with the other elements as arguments, without a
// shell, with an empty standard input and in a process group of its own, and waits for it. Output is
// collected until the child itself ends: a grandchild that keeps the pipes open does not hold us up. Throws
// Error{failed} naming the program when it cannot be started.
ChildResult run_child(const std::vector<std::string>& command, const ChildOptions& options = {});

}  // namespace wring

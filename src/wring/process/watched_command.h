#pragma once
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "wring/base/text.h"
#include "wring/process/spawn.h"

namespace wring {

// A command that runs beside this program: with this program's standard streams, in its process group, with the signals
// as a shell would start it.
class WatchedCommand {
 public:
  // Where it cannot be started, failure() says why, and the exit code is a shell's: 127 not found, 126 not executable.
  // Of the options the environment alone counts.
  explicit WatchedCommand(const std::vector<std::string>& command, const ChildOptions& options = {});

  const std::optional<Text>& failure() const { return failure_; }

  pid_t pid() const { return pid_; }  // its process, once it was started

  // Absent while it runs; its exit status, or 128 + the signal that ended it.
  std::optional<int> exit_code();

  void send(int signal) const;

  // SIGKILL, to what it started as well.
  void kill() const;

 private:
  pid_t pid_ = -1;
  std::optional<int> exit_code_;
  std::optional<Text> failure_;
};

}  // namespace wring

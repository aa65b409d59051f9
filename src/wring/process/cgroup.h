#pragma once
#include <filesystem>
#include <optional>

#include "wring/files/descriptor.h"

namespace wring {

// A control group (version 2) of its own for one child and all that it starts, below this process's group. Its
// processes die at one stroke, so that none gets away by forking meanwhile. What nobody looks after any more, because
// its keeper was killed, is ended by the next one that makes a group beside it.
class ChildGroup {
 public:
  // Makes a group and moves this process into it: what it starts from now on belongs there. Absent where the kernel
  // (before 5.14), the mounts or the rights do not allow it.
  static std::optional<ChildGroup> enter();

  // Moves this process back. False where that fails, and the group must then not be killed.
  bool leave() const;

  // SIGKILL to all that is in it.
  void kill() const;

  // Once it is empty.
  void remove() const;

  // Open for as long as somebody looks after the group.
  int descriptor() const { return lock_.get(); }

 private:
  ChildGroup(std::filesystem::path above, std::filesystem::path group, Descriptor lock);

  std::filesystem::path above_;
  std::filesystem::path group_;
  Descriptor lock_;
};

}  // namespace wring

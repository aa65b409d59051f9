#pragma once
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <sys/types.h>

#include "wring/files/descriptor.h"

namespace wring {

// What run_child, child_keeper and launch_ranks have in common.

struct Pipe {
  Descriptor read;
  Descriptor write;
};

// Both ends close on exec. Throws Error{failed} naming the command that it is for.
Pipe make_pipe(const std::vector<std::string>& command);

void set_nonblocking(const Descriptor& descriptor);

struct ChildOptions {
  // The child and its whole process group are killed when it has not ended by then. Absent: no limit.
  std::optional<std::chrono::milliseconds> timeout;
  std::filesystem::path working_folder;  // empty: this process's
  // Variables to set, or to remove where there is no value, on top of this process's environment.
  std::vector<std::pair<std::string, std::optional<std::string>>> environment;
  // Bytes on either stream beyond which the child is killed. Absent: no limit. Only run_child knows it.
  std::optional<std::size_t> most_output = std::nullopt;
  // The child gets the descriptors that whoever started this process left open, as a shell's `<(…)` makes them.
  bool keep_inherited_descriptors = false;
};

struct ChildStreams {
  static constexpr int kClosed = -2;

  int in = -1;  // -1: /dev/null
  int out = -1;
  int err = -1;
};

// One of this program's standard streams to hand on; kClosed where it was closed when this program started, and
// open_standard_streams() has taken its place.
int own_stream(int stream);

// How a process ended: exactly one has a value.
struct ProcessEnd {
  std::optional<int> exit_status;
  std::optional<int> signal;
};

// Starts the command in a process group of its own, whose number is the child's pid, with default signal handlers and
// no other descriptor of ours: all that this program opens closes on exec. options.timeout has no meaning here. Throws
// Error{failed} naming the program.
pid_t spawn_group(const std::vector<std::string>& command, const ChildOptions& options, const ChildStreams& streams);

// The same without an exception: the number of what went wrong (errno(3)), or 0 and the child.
int try_spawn_group(const std::vector<std::string>& command, const ChildOptions& options, const ChildStreams& streams,
                    pid_t& child);

// This process's environment with what the options set and remove, as "NAME=value".
std::vector<std::string> environment_of(const ChildOptions& options);

// As exec(3) takes them, with the null pointer at the end; for as long as the strings live.
std::vector<char*> pointers_to(const std::vector<std::string>& strings);

// Error{failed} naming the program, by the number of what went wrong.
[[noreturn]] void throw_not_started(const std::string& program, int error);

}  // namespace wring

#pragma once
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "wring/base/child_process.h"
#include "wring/base/descriptor.h"

namespace wring {

// A child that stays, with pipes to its standard streams, in a process group of its own. Whatever it does, nothing here
// blocks, and no SIGPIPE comes of writing to it. It is killed with the object, and so is what it started.
class ChildPipes {
 public:
  enum class Input { pipe, none };  // none: an empty standard input

  // As run_child; options.timeout has no meaning here.
  explicit ChildPipes(const std::vector<std::string>& command, const ChildOptions& options = {},
                      Input input = Input::pipe);
  ~ChildPipes();
  ChildPipes(const ChildPipes&) = delete;
  ChildPipes& operator=(const ChildPipes&) = delete;

  pid_t pid() const { return pid_; }

  // Queued, and sent by wait() as the child reads. What it will never read is dropped.
  void write(std::string_view bytes);
  void close_input();

  // Waits until the child has printed something or has ended, or until the time is up, and takes in what there is.
  void wait(std::chrono::milliseconds timeout);

  // What came since the last call, at most some 256 KiB for each wait().
  std::string take_out();
  std::string take_err();

  // Whether it, or something that it started, can still print to standard output.
  bool out_open() const { return static_cast<bool>(out_); }

  // Once the child itself has ended. All that it printed can be taken then, and what it left running is killed.
  const std::optional<ProcessEnd>& end() const { return end_; }

  // To the whole group.
  void send(int signal) const;

  // SIGKILL to the group and to what the child started in other groups; waits for the end, 10 s at most: a process
  // that hangs in a driver does not die.
  void kill();

 private:
  void flush_input();
  void see_end();
  void finish();

  pid_t pid_ = -1;
  Descriptor in_;
  Descriptor out_;
  Descriptor err_;
  std::string to_write_;
  std::string out_text_;
  std::string err_text_;
  std::optional<ProcessEnd> end_;
};

}  // namespace wring

#pragma once
#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "wring/files/descriptor.h"
#include "wring/process/spawn.h"

namespace wring {

// A child that stays, with pipes to its standard streams, in a process group of its own. Whatever it does, nothing here
// blocks, and no SIGPIPE comes of writing to it. It is killed with the object, and with this process however that ends;
// so is what it started, wherever that went (child_keeper.h). Not so one whose Rest lives.
class ChildPipes {
 public:
  enum class Input { pipe, none };  // none: an empty standard input
  // What it left running dies when it has ended, by its keeper; or lives, and then there is no keeper.
  enum class Rest { dies, lives };

  // As run_child; options.timeout has no meaning here. `scratch_folder`, where given, is removed with all in it where
  // this process ends before the child.
  explicit ChildPipes(const std::vector<std::string>& command, const ChildOptions& options = {},
                      Input input = Input::pipe, const std::filesystem::path& scratch_folder = {},
                      Rest rest = Rest::dies);
  ~ChildPipes();
  ChildPipes(const ChildPipes&) = delete;
  ChildPipes& operator=(const ChildPipes&) = delete;

  // Of its keeper, whose descendants the child and all that it started are; without a keeper its own.
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

  // Once the child itself has ended. All that it printed can be taken then, and what it left running has been killed.
  const std::optional<ProcessEnd>& end() const { return end_; }

  // To the child's process group.
  void send(int signal) const;

  // SIGKILL to the child and to all that it started; waits for the end, 12 s at most: a process that hangs in a driver
  // does not die.
  void kill();

 private:
  void flush_input();
  void see_end();

  pid_t pid_ = -1;
  Descriptor control_;
  Descriptor in_;
  Descriptor out_;
  Descriptor err_;
  std::string to_write_;
  std::string out_text_;
  std::string err_text_;
  std::optional<ProcessEnd> end_;
};

}  // namespace wring

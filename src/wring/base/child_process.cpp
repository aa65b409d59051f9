#include "wring/base/child_process.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "wring/base/error.h"

namespace wring {
namespace {

using Clock = std::chrono::steady_clock;

// How often we look whether the child has ended while its pipes stay open.
constexpr std::chrono::milliseconds check_interval{5};

class Descriptor {
 public:
  explicit Descriptor(int value = -1) : value_(value) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { close(); }

  int get() const { return value_; }
  bool open() const { return value_ >= 0; }
  void reset(int value) {
    close();
    value_ = value;
  }
  void close() {
    if (value_ >= 0) ::close(value_);
    value_ = -1;
  }

 private:
  int value_;
};

[[noreturn]] void fail_to_start(const std::string& program, int error) {
  const char* reason = std::strerror(error);
  throw Error(ErrorCode::failed,
              {fmt::format("cannot start {}: {}", program, reason), fmt::format("无法启动 {}：{}", program, reason)},
              {"check that the program is installed and on PATH", "请检查该程序是否已安装并在 PATH 中"});
}

struct Pipe {
  Descriptor read;
  Descriptor write;

  explicit Pipe(const std::string& program) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) fail_to_start(program, errno);
    read.reset(ends[0]);
    write.reset(ends[1]);
    ::fcntl(read.get(), F_SETFL, O_NONBLOCK);
  }
};

// Appends what the pipe holds now; closes it at its end.
void drain(Descriptor& pipe, std::string& into) {
  std::array<char, 16384> buffer;
  while (pipe.open()) {
    const ssize_t n = ::read(pipe.get(), buffer.data(), buffer.size());
    if (n > 0) {
      into.append(buffer.data(), static_cast<std::size_t>(n));
    } else if (n < 0 && errno == EINTR) {
      continue;
    } else if (n < 0 && errno == EAGAIN) {
      return;
    } else {
      pipe.close();
    }
  }
}

std::vector<std::string> merged_environment(const ChildOptions& options) {
  std::vector<std::string> merged;
  const auto replaced = [&](std::string_view entry) {
    for (const auto& [name, value] : options.environment) {
      if (entry.starts_with(name + "=")) return true;
    }
    return false;
  };
  for (char** entry = environ; *entry != nullptr; ++entry) {
    if (!replaced(*entry)) merged.emplace_back(*entry);
  }
  for (const auto& [name, value] : options.environment) {
    if (value) merged.push_back(name + "=" + *value);
  }
  return merged;
}

std::vector<char*> pointers_to(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (const std::string& string : strings) pointers.push_back(const_cast<char*>(string.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

pid_t spawn(const std::vector<std::string>& command, const ChildOptions& options, int out, int err) {
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, err, STDERR_FILENO);
  ::posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
  if (!options.working_folder.empty()) {
    ::posix_spawn_file_actions_addchdir_np(&actions, options.working_folder.c_str());
  }

  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  sigset_t nothing, everything;
  ::sigemptyset(&nothing);
  ::sigfillset(&everything);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  ::posix_spawnattr_setpgroup(&attributes, 0);
  ::posix_spawnattr_setsigmask(&attributes, &nothing);
  ::posix_spawnattr_setsigdefault(&attributes, &everything);

  const std::vector<std::string> environment = merged_environment(options);
  pid_t child = 0;
  const int error = ::posix_spawnp(&child, command.at(0).c_str(), &actions, &attributes, pointers_to(command).data(),
                                   pointers_to(environment).data());
  ::posix_spawnattr_destroy(&attributes);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) fail_to_start(command[0], error);
  return child;
}

bool reap(pid_t child, int options, int& status) {
  pid_t result;
  do {
    result = ::waitpid(child, &status, options);
  } while (result < 0 && errno == EINTR);
  return result == child;
}

}  // namespace

ChildResult run_child(const std::vector<std::string>& command, const ChildOptions& options) {
  const auto deadline = options.timeout ? Clock::now() + *options.timeout : Clock::time_point::max();
  Pipe out(command.at(0)), err(command.at(0));
  const pid_t child = spawn(command, options, out.write.get(), err.write.get());
  out.write.close();
  err.write.close();

  ChildResult result;
  int status = 0;
  while (!reap(child, WNOHANG, status)) {
    if (Clock::now() >= deadline) {
      result.timed_out = true;
      ::kill(-child, SIGKILL);
      reap(child, 0, status);
      break;
    }
    std::array<pollfd, 2> waits{{{out.read.get(), POLLIN, 0}, {err.read.get(), POLLIN, 0}}};
    ::poll(waits.data(), waits.size(), static_cast<int>(check_interval.count()));
    drain(out.read, result.out);
    drain(err.read, result.err);
  }
  drain(out.read, result.out);
  drain(err.read, result.err);
  if (WIFEXITED(status)) result.exit_status = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) result.signal = WTERMSIG(status);
  return result;
}

}  // namespace wring

#include "wring/process/watched_command.h"

#include <cerrno>
#include <cstring>

#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "wring/process/process_tree.h"

namespace wring {

WatchedCommand::WatchedCommand(const std::vector<std::string>& command, const ChildOptions& options) {
  const std::vector<char*> argv = pointers_to(command);
  const std::vector<std::string> environment = environment_of(options);
  ::signal(SIGCHLD, SIG_DFL);  // a parent that ignores it would keep the exit status from us
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  sigset_t nothing, ours;
  ::sigemptyset(&nothing);
  ::sigemptyset(&ours);
  for (const int ignored_by_us : {SIGPIPE, SIGXFSZ}) ::sigaddset(&ours, ignored_by_us);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  ::posix_spawnattr_setsigmask(&attributes, &nothing);
  ::posix_spawnattr_setsigdefault(&attributes, &ours);
  const int error = ::posix_spawnp(&pid_, argv[0], nullptr, &attributes, argv.data(), pointers_to(environment).data());
  ::posix_spawnattr_destroy(&attributes);
  if (error == 0) return;
  pid_ = -1;
  exit_code_ = error == ENOENT ? 127 : 126;
  failure_ = Text{"cannot run {}: {}", "无法运行 {}：{}", command[0], std::strerror(error)};
}

std::optional<int> WatchedCommand::exit_code() {
  int status = 0;
  if (!exit_code_ && ::waitpid(pid_, &status, WNOHANG) == pid_) {
    exit_code_ = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  }
  return exit_code_;
}

void WatchedCommand::send(int signal) const {
  if (pid_ > 0 && !exit_code_) ::kill(pid_, signal);
}

void WatchedCommand::kill() const {
  if (pid_ <= 0 || exit_code_) return;
  const std::vector<pid_t> started = descendants(pid_);
  ::kill(pid_, SIGKILL);
  for (const pid_t process : started) ::kill(process, SIGKILL);
}

}  // namespace wring

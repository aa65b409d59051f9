#include "wring/process/child_process.h"

#include <array>
#include <cerrno>
#include <chrono>
#include <limits>

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

namespace wring {
namespace {

using Clock = std::chrono::steady_clock;

// How often we look whether the child has ended while its pipes stay open.
constexpr std::chrono::milliseconds kCheckInterval{5};

// Appends what the pipe holds now, up to about `most` bytes; closes it at its end.
void drain(Descriptor& pipe, std::string& into, std::size_t most) {
  std::array<char, 16384> buffer;
  while (pipe && into.size() <= most) {
    const ssize_t n = ::read(pipe.get(), buffer.data(), buffer.size());
    if (n > 0) {
      into.append(buffer.data(), static_cast<std::size_t>(n));
    } else if (n < 0 && errno == EINTR) {
      continue;
    } else if (n < 0 && errno == EAGAIN) {
      return;
    } else {
      pipe = Descriptor();
    }
  }
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
  Pipe out = make_pipe(command), err = make_pipe(command);
  set_nonblocking(out.read);
  set_nonblocking(err.read);
  const pid_t child = spawn_group(command, options, {.in = -1, .out = out.write.get(), .err = err.write.get()});
  out.write = Descriptor();
  err.write = Descriptor();

  const std::size_t most = options.most_output.value_or(std::numeric_limits<std::size_t>::max());
  ChildResult result;
  int status = 0;
  while (!reap(child, WNOHANG, status)) {
    result.printed_too_much = result.out.size() > most || result.err.size() > most;
    result.timed_out = !result.printed_too_much && Clock::now() >= deadline;
    if (result.printed_too_much || result.timed_out) {
      ::kill(-child, SIGKILL);
      reap(child, 0, status);
      break;
    }
    std::array<pollfd, 2> waits{{{out.read.get(), POLLIN, 0}, {err.read.get(), POLLIN, 0}}};
    ::poll(waits.data(), waits.size(), static_cast<int>(kCheckInterval.count()));
    drain(out.read, result.out, most);
    drain(err.read, result.err, most);
  }
  drain(out.read, result.out, most);
  drain(err.read, result.err, most);
  result.printed_too_much = result.out.size() > most || result.err.size() > most;
  if (WIFEXITED(status)) result.exit_status = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) result.signal = WTERMSIG(status);
  return result;
}

}  // namespace wring

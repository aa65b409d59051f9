#include "wring/process/child_pipes.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <thread>
#include <utility>

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "wring/process/child_keeper.h"
#include "wring/process/spawn.h"

namespace wring {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// So that a child that floods its output cannot hold wait() for ever.
constexpr std::size_t kMostBytesAtOnce = 256 * 1024;
constexpr milliseconds kKillPatience{12'000};  // its keeper gives up before
// How often we look whether a child without open pipes has ended.
constexpr milliseconds kEndInterval{5};

// Appends what the pipe holds now, within bounds; closes it at its end.
void read_some(Descriptor& pipe, std::string& into) {
  std::array<char, 16384> buffer;
  for (std::size_t total = 0; pipe && total < kMostBytesAtOnce;) {
    const ssize_t n = ::read(pipe.get(), buffer.data(), buffer.size());
    if (n > 0) {
      into.append(buffer.data(), static_cast<std::size_t>(n));
      total += static_cast<std::size_t>(n);
    } else if (n < 0 && errno == EINTR) {
      continue;
    } else if (n < 0 && errno == EAGAIN) {
      return;
    } else {
      pipe = Descriptor();
    }
  }
}

// write() that says EPIPE and raises no SIGPIPE, whatever the program does with that signal.
ssize_t write_quietly(int descriptor, std::string_view bytes) {
  sigset_t pipe, before, pending;
  ::sigemptyset(&pipe);
  ::sigaddset(&pipe, SIGPIPE);
  ::sigpending(&pending);
  const bool was_pending = ::sigismember(&pending, SIGPIPE) == 1;
  ::pthread_sigmask(SIG_BLOCK, &pipe, &before);
  const ssize_t n = ::write(descriptor, bytes.data(), bytes.size());
  const int error = errno;
  if (n < 0 && error == EPIPE && !was_pending) {
    const timespec now{};
    while (::sigtimedwait(&pipe, nullptr, &now) < 0 && errno == EINTR) {
    }
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  errno = error;
  return n;
}

}  // namespace

ChildPipes::ChildPipes(const std::vector<std::string>& command, const ChildOptions& options, Input input,
                       const std::filesystem::path& scratch_folder, Rest rest) {
  Pipe out = make_pipe(command), err = make_pipe(command), in;
  if (input == Input::pipe) {
    in = make_pipe(command);
    set_nonblocking(in.write);
  }
  set_nonblocking(out.read);
  set_nonblocking(err.read);
  const ChildStreams streams{.in = in.read.get(), .out = out.write.get(), .err = err.write.get()};
  if (rest == Rest::lives) {
    pid_ = spawn_group(command, options, streams);
  } else {
    KeptCommand started = spawn_kept(command, options, streams, scratch_folder);
    pid_ = started.keeper;
    control_ = std::move(started.control);
  }
  in_ = std::move(in.write);
  out_ = std::move(out.read);
  err_ = std::move(err.read);
}

ChildPipes::~ChildPipes() {
  kill();
}

void ChildPipes::write(std::string_view bytes) {
  if (!in_) return;
  to_write_ += bytes;
  flush_input();
}

void ChildPipes::close_input() {
  in_ = Descriptor();
  to_write_.clear();
}

void ChildPipes::flush_input() {
  while (in_ && !to_write_.empty()) {
    const ssize_t n = write_quietly(in_.get(), to_write_);
    if (n > 0) {
      to_write_.erase(0, static_cast<std::size_t>(n));
    } else if (n < 0 && errno == EINTR) {
      continue;
    } else if (n < 0 && errno == EAGAIN) {
      return;
    } else {
      close_input();
    }
  }
}

void ChildPipes::wait(milliseconds timeout) {
  if (end_) return;
  if (!out_ && !err_) timeout = std::min(timeout, kEndInterval);
  const int in = to_write_.empty() ? -1 : in_.get();
  std::array<pollfd, 3> waits{{{out_.get(), POLLIN, 0}, {err_.get(), POLLIN, 0}, {in, POLLOUT, 0}}};
  ::poll(waits.data(), waits.size(), static_cast<int>(timeout.count()));
  flush_input();
  read_some(out_, out_text_);
  read_some(err_, err_text_);
  see_end();
}

std::string ChildPipes::take_out() {
  return std::exchange(out_text_, {});
}

std::string ChildPipes::take_err() {
  return std::exchange(err_text_, {});
}

// The keeper ends after the child and all that it started, and as the child did.
void ChildPipes::see_end() {
  int status = 0;
  pid_t ended = 0;
  while ((ended = ::waitpid(pid_, &status, WNOHANG)) < 0 && errno == EINTR) {
  }
  if (ended != pid_) return;
  read_some(out_, out_text_);
  read_some(err_, err_text_);
  out_ = Descriptor();
  err_ = Descriptor();
  control_ = Descriptor();
  close_input();
  end_.emplace();
  if (WIFSIGNALED(status)) {
    end_->signal = WTERMSIG(status);
  } else {
    end_->exit_status = WEXITSTATUS(status);
  }
}

void ChildPipes::send(int signal) const {
  const char order = static_cast<char>(signal);
  if (end_) return;
  if (control_) {
    write_quietly(control_.get(), {&order, 1});
  } else {
    ::kill(-pid_, signal);
  }
}

void ChildPipes::kill() {
  if (end_) return;
  send(SIGKILL);
  for (const auto deadline = Clock::now() + kKillPatience; !end_ && Clock::now() < deadline;) {
    see_end();
    if (!end_) std::this_thread::sleep_for(milliseconds(2));
  }
}

}  // namespace wring

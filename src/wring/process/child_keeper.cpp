#include "wring/process/child_keeper.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "wring/process/cgroup.h"
#include "wring/process/process_tree.h"

namespace wring {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// What hangs in a driver does not die; then the keeper ends without it.
constexpr milliseconds kKillPatience{10'000};
constexpr milliseconds kKillInterval{5};
constexpr const char* kTitle = "child-keeper";

// What the keeper tells once it has tried to start the command.
struct Started {
  int error = 0;
  pid_t command = -1;
};

// Where the words of the command line lie that ps shows: fields 48 and 49 of /proc/self/stat (proc(5)).
std::span<char> argument_place() {
  std::ifstream file("/proc/self/stat");
  std::string text;
  std::getline(file, text);
  std::istringstream fields(text.substr(std::min(text.rfind(')') + 1, text.size())));
  constexpr int kFirstField = 3, kBegin = 48, kEnd = 49;
  std::uintptr_t begin = 0, end = 0;
  std::string word;
  for (int i = kFirstField; i <= kEnd && fields >> word; ++i) {
    if (i == kBegin) begin = std::strtoull(word.c_str(), nullptr, 10);
    if (i == kEnd) end = std::strtoull(word.c_str(), nullptr, 10);
  }
  if (begin == 0 || end <= begin) return {};
  return {reinterpret_cast<char*>(begin), end - begin};  // NOLINT(performance-no-int-to-ptr): /proc writes numbers
}

// ps shows what it is, and `pkill wring` does not take it along.
void take_title() {
  ::prctl(PR_SET_NAME, kTitle);
  const std::string_view title = kTitle;
  const std::span<char> place = argument_place();
  if (place.size() <= title.size()) return;
  std::ranges::fill(place, '\0');
  std::ranges::copy(title, place.begin());
}

// Its files would otherwise stay open: a pipe that this program prints to would not end with it.
void close_all_but(std::array<int, 2> kept) {
  const int last = std::ranges::max(kept);
  for (int descriptor = 0; descriptor < last; ++descriptor) {
    if (std::ranges::find(kept, descriptor) == kept.end()) ::close(descriptor);
  }
  ::closefrom(last + 1);
}

// Else the numbers in /proc are not those that kill() takes.
bool proc_is_of_this_namespace() {
  std::error_code error;
  return std::filesystem::read_symlink("/proc/self", error).string() == std::to_string(::getpid());
}

// Ends this process as the command ended.
[[noreturn]] void end_like(std::optional<int> status) {
  if (status && WIFEXITED(*status)) ::_exit(WEXITSTATUS(*status));
  const int signal = status ? WTERMSIG(*status) : SIGKILL;
  ::prctl(PR_SET_DUMPABLE, 0);  // the command has left the core, if any
  ::signal(signal, SIG_DFL);
  sigset_t nothing;
  ::sigemptyset(&nothing);
  ::raise(signal);
  ::sigprocmask(SIG_SETMASK, &nothing, nullptr);
  ::_exit(128 + signal);
}

class Keeper {
 public:
  Keeper(int control, const std::filesystem::path& scratch_folder)
      : control_(control), scratch_folder_(scratch_folder) {}

  void start(const std::vector<std::string>& command, const ChildOptions& options, const ChildStreams& streams,
             int tell) {
    ::setsid();  // neither the terminal's signals nor those for this program's process group reach it
    sigset_t everything, children;
    ::sigfillset(&everything);
    ::sigprocmask(SIG_SETMASK, &everything, nullptr);
    ::signal(SIGCHLD, SIG_DFL);  // a parent that ignores it would keep the command's end from us
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
    take_title();
    group_ = ChildGroup::enter();
    Started started;
    started.error = try_spawn_group(command, options, streams, command_);
    if (group_ && !group_->leave()) group_.reset();
    started.command = command_;
    if (::write(tell, &started, sizeof started) != sizeof started || started.error != 0) {
      if (group_) group_->remove();
      ::_exit(EXIT_FAILURE);
    }
    close_all_but({control_, group_ ? group_->descriptor() : -1});
    ::sigemptyset(&children);
    ::sigaddset(&children, SIGCHLD);
    ends_ = ::signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK);
  }

  [[noreturn]] void keep() {
    while (!status_ && !kill_asked_) {
      wait(-1);
      read_control();
      reap();
    }
    kill_the_rest();
    if (owner_is_gone_ && !scratch_folder_.empty()) {
      std::error_code ignored;
      std::filesystem::remove_all(scratch_folder_, ignored);
    }
    end_like(status_);
  }

 private:
  // Until there is an order or a process has ended.
  void wait(int timeout_ms) const {
    std::array<pollfd, 2> waits{{{ends_, POLLIN, 0}, {kill_asked_ ? -1 : control_, POLLIN, 0}}};
    ::poll(waits.data(), waits.size(), timeout_ms);
    signalfd_siginfo ended{};
    while (::read(ends_, &ended, sizeof ended) == sizeof ended) {
    }
  }

  void read_control() {
    pollfd order{control_, POLLIN, 0};
    std::array<unsigned char, 64> signals{};
    if (::poll(&order, 1, 0) <= 0) return;
    const ssize_t n = ::read(control_, signals.data(), signals.size());
    if (n < 0) return;
    owner_is_gone_ = n == 0;
    kill_asked_ = owner_is_gone_;
    for (ssize_t i = 0; i < n; ++i) {
      const int signal = signals[static_cast<std::size_t>(i)];
      kill_asked_ = kill_asked_ || signal == SIGKILL;
      if (signal != SIGKILL && !status_) ::kill(-command_, signal);
    }
  }

  // Whether there are children left, those that lost their parent among them.
  bool reap() {
    int status = 0;
    pid_t ended = 0;
    while ((ended = ::waitpid(-1, &status, WNOHANG)) > 0) {
      if (ended == command_) status_ = status;
    }
    return ended == 0;
  }

  void kill_the_rest() {
    const bool can_see = proc_is_of_this_namespace();
    for (const auto deadline = Clock::now() + kKillPatience; reap() && Clock::now() < deadline;) {
      if (group_) group_->kill();
      if (!status_) ::kill(-command_, SIGKILL);
      if (can_see) {
        for (const pid_t process : descendants(::getpid())) ::kill(process, SIGKILL);
      }
      wait(static_cast<int>(kKillInterval.count()));
      if (!owner_is_gone_) read_control();
    }
    if (group_) group_->remove();
  }

  int control_;
  const std::filesystem::path& scratch_folder_;
  int ends_ = -1;
  pid_t command_ = -1;
  std::optional<ChildGroup> group_;
  std::optional<int> status_;  // of the command, as waitpid() tells it
  bool kill_asked_ = false;
  bool owner_is_gone_ = false;
};

// What fork() left of this program: nothing is thrown out of it.
[[noreturn]] void be_keeper(const std::vector<std::string>& command, const ChildOptions& options,
                            const ChildStreams& streams, const std::filesystem::path& scratch_folder, int control,
                            int tell) {
  try {
    Keeper keeper(control, scratch_folder);
    keeper.start(command, options, streams, tell);
    keeper.keep();
  } catch (...) {
    ::_exit(EXIT_FAILURE);
  }
}

}  // namespace

KeptCommand spawn_kept(const std::vector<std::string>& command, const ChildOptions& options,
                       const ChildStreams& streams, const std::filesystem::path& scratch_folder) {
  Pipe control = make_pipe(command), tell = make_pipe(command);
  // Signals stay away until the keeper has its own way with them.
  sigset_t everything, before;
  ::sigfillset(&everything);
  ::pthread_sigmask(SIG_SETMASK, &everything, &before);
  const pid_t keeper = ::fork();
  const int fork_error = errno;
  if (keeper == 0) be_keeper(command, options, streams, scratch_folder, control.read.get(), tell.write.get());
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (keeper < 0) throw_not_started(command.at(0), fork_error);

  tell.write = Descriptor();
  Started started;
  ssize_t n = 0;
  while ((n = ::read(tell.read.get(), &started, sizeof started)) < 0 && errno == EINTR) {
  }
  if (n == sizeof started && started.error == 0) return {keeper, std::move(control.write)};
  while (::waitpid(keeper, nullptr, 0) < 0 && errno == EINTR) {
  }
  throw_not_started(command.at(0), n == sizeof started ? started.error : ECHILD);
}

}  // namespace wring

#include "wring/process/launch_ranks.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstring>
#include <set>
#include <thread>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "wring/base/environment.h"
#include "wring/base/error.h"
#include "wring/base/message.h"
#include "wring/process/line_splitter.h"
#include "wring/process/signal_wait.h"
#include "wring/process/spawn.h"

namespace wring {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

// The ranks tell each other at once and end by themselves. One that still looks for the others, or loads its libraries,
// does not hear of it, and is ended by a signal: that is sent again, for who has just begun to note signals down.
constexpr auto kBetweenEnds = 1s;
// What is left then hangs.
constexpr auto kGrace = 10s;
constexpr auto kLook = 100ms;

std::uint16_t free_port() {
  const Descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (!socket || ::bind(socket.get(), generic, size) != 0 || ::getsockname(socket.get(), generic, &size) != 0) {
    throw Error(ErrorCode::failed, {"no free port on the loopback address", "本机回环地址没有空闲端口"});
  }
  return ntohs(address.sin_port);
}

ChildOptions rank_environment(int rank, int count, std::uint16_t port) {
  ChildOptions options;
  const auto set = [&](const char* name, const std::string& value) { options.environment.emplace_back(name, value); };
  set("RANK", std::to_string(rank));
  set("WORLD_SIZE", std::to_string(count));
  set("LOCAL_RANK", std::to_string(rank));
  set("LOCAL_WORLD_SIZE", std::to_string(count));
  set("MASTER_ADDR", "127.0.0.1");
  set("MASTER_PORT", std::to_string(port));
  set(kLauncherVariable.text(), std::to_string(::getpid()));
  if (!environment("OMP_NUM_THREADS")) {
    const int cores = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
    set("OMP_NUM_THREADS", std::to_string(std::max(1, cores / count)));
  }
  return options;
}

struct RankProcess {
  pid_t pid = -1;
  Descriptor output;  // of rank 0: none, it has ours
  LineSplitter lines;
  std::optional<int> status;  // as waitpid gives it
};

class Supervisor {
 public:
  Supervisor(const std::vector<std::string>& command, int count, int input)
      : signals_(std::vector<int>(kStopSignals.begin(), kStopSignals.end())) {
    const std::uint16_t port = free_port();
    ranks_.resize(static_cast<std::size_t>(count));
    try {
      for (int rank = 0; rank < count; ++rank) start(command, rank, port, rank == 0 ? input : -1);
    } catch (...) {
      kill_all();
      throw;
    }
  }
  ~Supervisor() { kill_all(); }
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  int run() {
    while (running() > 0) {
      pass_signals_on();
      show_output();
      look_for_ends();
      end_the_others();
    }
    show_output();
    return result();
  }

 private:
  void start(const std::vector<std::string>& command, int rank, std::uint16_t port, int input) {
    RankProcess& one = ranks_[static_cast<std::size_t>(rank)];
    ChildStreams streams{input, STDOUT_FILENO, STDERR_FILENO};
    Pipe pipe;
    if (rank > 0) {
      pipe = make_pipe(command);
      set_nonblocking(pipe.read);
      streams.out = streams.err = pipe.write.get();
    }
    one.pid = spawn_group(command, rank_environment(rank, static_cast<int>(ranks_.size()), port), streams);
    one.output = std::move(pipe.read);
  }

  std::ptrdiff_t running() const {
    return std::ranges::count_if(ranks_, [](const RankProcess& one) { return !one.status; });
  }

  void send_all(int signal) const {
    for (const RankProcess& one : ranks_) {
      if (one.pid > 0 && !one.status) ::kill(-one.pid, signal);
    }
  }
  void kill_all() {
    send_all(SIGKILL);
    for (RankProcess& one : ranks_) {
      int status = 0;
      if (one.pid > 0 && !one.status && ::waitpid(one.pid, &status, 0) == one.pid) one.status = status;
    }
  }

  // The ranks are in groups of their own, so that Ctrl-C reaches them once, from here. A second Ctrl-C ends them;
  // another second signal, of a scheduler that warns and then ends the job, leaves them the time to save.
  void pass_signals_on() {
    const auto seen = signals_.wait(Clock::now() + kLook);
    if (!seen) return;
    if (!interrupted_) {
      send_all(seen->signal);
      interrupted_ = Clock::now();
    } else if (seen->signal == SIGINT && Clock::now() - *interrupted_ >= kOneStop) {
      send_all(SIGKILL);
    }
  }

  void end_the_others() {
    if (!failed_) return;
    const auto now = Clock::now();
    if (now > *failed_ + kGrace) return kill_all();
    // After an interrupt all of them are about to save and end.
    if (interrupted_ || now < next_end_) return;
    send_all(SIGTERM);
    next_end_ = now + kBetweenEnds;
  }

  void look_for_ends() {
    const bool none_failed = first_ == nullptr;
    for (RankProcess& one : ranks_) {
      int status = 0;
      if (one.status || ::waitpid(one.pid, &status, WNOHANG) != one.pid) continue;
      one.status = status;
      if (status == 0) continue;
      // Of several that ended since the last look, one that was killed is the cause.
      const bool killed = none_failed && WIFSIGNALED(status) && first_ != nullptr && !WIFSIGNALED(*first_->status);
      if (first_ == nullptr || killed) first_ = &one;
      if (failed_) continue;
      failed_ = Clock::now();
      next_end_ = *failed_ + kBetweenEnds;
    }
  }

  void show_output() {
    for (std::size_t rank = 1; rank < ranks_.size(); ++rank) {
      RankProcess& one = ranks_[rank];
      char buffer[4096];
      while (one.output) {
        const ssize_t got = ::read(one.output.get(), buffer, sizeof(buffer));
        if (got <= 0) break;
        one.lines.add({buffer, static_cast<std::size_t>(got)}, [&](std::string_view line) { show(rank, line); });
      }
    }
  }
  void show(std::size_t rank, std::string_view line) {
    if (!line.empty() && shown_.emplace(line).second) write_painted_message(fmt::format("[rank {}] {}\n", rank, line));
  }

  int result() const {
    if (first_ == nullptr) return 0;
    const int status = *first_->status;
    const auto rank = first_ - ranks_.data();
    if (interrupted_) return static_cast<int>(ErrorCode::interrupted);
    if (WIFSIGNALED(status)) {
      const int signal = WTERMSIG(status);
      throw Error(ErrorCode::failed,
                  {"rank {} was ended by signal {} ({}), and the other ranks with it",
                   "rank {} 被信号 {}（{}）终止，其他进程随之结束", rank, signal, ::strsignal(signal)},
                  {"`dmesg | tail` shows whether memory ran out", "可用 `dmesg | tail` 查看是否内存耗尽"});
    }
    return WEXITSTATUS(status);
  }

  SignalWait signals_;
  std::vector<RankProcess> ranks_;
  std::set<std::string, std::less<>> shown_;
  const RankProcess* first_ = nullptr;  // that failed
  std::optional<Clock::time_point> interrupted_;
  std::optional<Clock::time_point> failed_;  // when the first did
  Clock::time_point next_end_;
};

}  // namespace

Arguments without_nproc(const Arguments& arguments) {
  Arguments kept;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i] == "--nproc") {
      ++i;
    } else if (!arguments[i].starts_with("--nproc=")) {
      kept.push_back(arguments[i]);
    }
  }
  return kept;
}

void require_rank_count(std::optional<int> nproc) {
  constexpr int kMost = 1024;
  if (!nproc || (*nproc >= 1 && *nproc <= kMost)) return;
  throw Error(ErrorCode::usage, {"--nproc: {} is not a number of GPUs", "--nproc：{} 不是 GPU 数", *nproc},
              {"use the number of this machine's GPUs, or fewer", "请使用不超过本机 GPU 数的整数"});
}

int launch_ranks(const std::filesystem::path& program, const Arguments& arguments, int count, int input) {
  for (const VariableName name : std::initializer_list<VariableName>{"RANK", "WORLD_SIZE"}) {
    if (!environment(name)) continue;
    throw Error(ErrorCode::usage,
                {"--nproc starts the ranks, and {} is set: a launcher has started this one",
                 "--nproc 会启动各进程，但 {} 已设置：本进程已由启动器启动", name.text()},
                {"leave --nproc out under torchrun, srun and the like; where nothing launched this process: "
                 "env -u RANK -u WORLD_SIZE wring train … --nproc N",
                 "在 torchrun、srun 等之下请去掉 --nproc；若并非由启动器启动："
                 "env -u RANK -u WORLD_SIZE wring train … --nproc N"});
  }
  std::vector<std::string> command = {program.string()};
  for (const std::string& word : without_nproc(arguments)) command.push_back(word);
  return Supervisor(command, count, input).run();
}

}  // namespace wring

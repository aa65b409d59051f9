#include "wring/agent/observed_program.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <system_error>
#include <utility>

#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "wring/agent/agent_server.h"
#include "wring/agent/card_watch.h"
#include "wring/agent/reports.h"
#include "wring/process/child_keeper.h"
#include "wring/process/interrupt_watch.h"
#include "wring/process/spawn.h"

namespace wring {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr auto kTurn = 50ms;         // how often we look whether the program has ended
constexpr auto kGrace = 5s;          // from the request to end until it is killed
constexpr auto kKillPatience = 12s;  // its keeper gives up before

// An event that poll() sees.
Descriptor make_wake() {
  return Descriptor(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
}

ChildOptions child_options(const AgentFiles& files, const ObserveOptions& options) {
  ChildOptions child;
  child.keep_inherited_descriptors = true;
  child.environment = options.environment;
  if (options.source == nullptr) {
    for (auto& variable : agent_environment(files)) child.environment.push_back(std::move(variable));
  }
  return child;
}

AgentRequest request_into(const AgentFiles& files, AgentRequest request) {
  request.folder = files.traces();
  return request;
}

class ObservedRun {
 public:
  ObservedRun(const std::vector<std::string>& command, const AgentFiles& files, const ObserveOptions& options)
      : options_(options), watch_([this] { wake(); }, [this](int signal) { return pass_on(signal); }) {
    std::signal(SIGPIPE, SIG_IGN);  // the keeper may have gone
    if (options.source == nullptr) agents_.emplace(files.socket(), request_into(files, options.request));
    source_ = options.source != nullptr ? options.source : &*agents_;
    const ChildStreams streams{.in = own_stream(STDIN_FILENO),
                               .out = own_stream(options.output_to_errors ? STDERR_FILENO : STDOUT_FILENO),
                               .err = own_stream(STDERR_FILENO)};
    kept_ = spawn_kept(command, child_options(files, options), streams, files.folder());
  }
  ~ObservedRun() { kill(); }
  ObservedRun(const ObservedRun&) = delete;
  ObservedRun& operator=(const ObservedRun&) = delete;

  ObservedProgram run() {
    observe();
    if (options_.to_the_end && !ended_ && seen_.how != EndOfProgram::interrupted) {
      collect();
      goes_on_ = true;
      if (watch_.interrupted()) send(SIGINT);  // it came since the last look
      source_->let_go();
      if (options_.on_observed) options_.on_observed(seen_);
      while (!ended_) turn(kTurn);
      seen_.how = EndOfProgram::by_itself;
    }
    if (!ended_) end_program();
    collect();
    return std::move(seen_);
  }

 private:
  void observe() {
    const auto begin = Clock::now();
    while (!ended_ && !watch_.interrupted() && !all_reported() && Clock::now() - begin < options_.timeout) turn(kTurn);
    seen_.waited_s = std::chrono::duration<double>(Clock::now() - begin).count();
    seen_.how = watch_.interrupted() ? EndOfProgram::interrupted
                : ended_             ? EndOfProgram::by_itself
                : all_reported()     ? EndOfProgram::observed
                                     : EndOfProgram::timed_out;
  }

  // One that is ended here may still report on its way out.
  void end_program() {
    if (options_.on_ending) options_.on_ending(seen_.how);
    send(seen_.how == EndOfProgram::interrupted ? SIGINT : SIGTERM);
    for (const auto deadline = Clock::now() + kGrace; !ended_ && Clock::now() < deadline;) turn(kTurn);
    if (ended_) return;
    seen_.killed = true;
    kill();
  }

  void turn(std::chrono::milliseconds timeout) {
    const int wake = watch_.interrupted() ? -1 : wake_.get();
    source_->wait(timeout, wake);
    tell_first_step();
    cards_.see(source_->clients());
    see_end();
  }

  void tell_first_step() {
    const auto stepped = [](const AgentClient& client) { return client.process.pid != 0 && !client.failure; };
    if (stepped_ || !std::ranges::any_of(source_->clients(), stepped)) return;
    stepped_ = true;
    if (options_.on_first_step) options_.on_first_step();
  }

  bool all_reported() { return reports_.all_in(source_->clients()); }

  void see_end() {
    int status = 0;
    pid_t ended = 0;
    while (!ended_ && (ended = ::waitpid(kept_.keeper, &status, WNOHANG)) < 0 && errno == EINTR) {
    }
    if (ended_ || ended != kept_.keeper) return;
    ended_ = true;
    if (WIFSIGNALED(status)) {
      seen_.end.signal = WTERMSIG(status);
    } else {
      seen_.end.exit_status = WEXITSTATUS(status);
    }
    source_->wait(0ms);  // its last words
  }

  // From the thread of watch_.
  bool pass_on(int signal) const {
    if (goes_on_) send(signal);
    return goes_on_;
  }

  void send(int signal) const {
    const char order = static_cast<char>(signal);
    [[maybe_unused]] const ssize_t written = ::write(kept_.control.get(), &order, 1);
  }

  void kill() {
    if (ended_) return;
    send(SIGKILL);
    for (const auto deadline = Clock::now() + kKillPatience; !ended_ && Clock::now() < deadline;) turn(5ms);
  }

  void wake() const {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = ::write(wake_.get(), &one, sizeof one);
  }

  void collect() {
    cards_.see(source_->clients());
    std::vector<AgentClient> clients = source_->clients();
    for (std::size_t i = 0; i < clients.size(); ++i) {
      if (clients[i].observation) clients[i].observation->card = cards_.of(i);
    }
    sort_reports(clients, seen_.observations, seen_.silent);
  }

  const ObserveOptions& options_;
  Descriptor wake_ = make_wake();
  std::atomic<bool> goes_on_ = false;  // without the agents, to its own end
  InterruptWatch watch_;               // before the program, which is not to inherit what is blocked
  std::optional<AgentServer> agents_;
  ObservationSource* source_ = nullptr;
  CardWatch cards_;
  KeptCommand kept_;
  bool ended_ = false;
  bool stepped_ = false;  // a process of it has been heard of
  ObservedProgram seen_;
  ReportWatch reports_;
};

}  // namespace

ObservedProgram observe_program(const std::vector<std::string>& command, const AgentFiles& files,
                                const ObserveOptions& options) {
  ObservedProgram seen = ObservedRun(command, files, options).run();
  std::error_code error;
  seen.agent_removed = !std::filesystem::exists(files.site() / "sitecustomize.py", error);
  return seen;
}

}  // namespace wring

#include "wring/session/inside_look.h"

#include <chrono>
#include <cstdint>
#include <exception>
#include <utility>

#include <sys/eventfd.h>
#include <unistd.h>

#include "wring/agent/reports.h"
#include "wring/agent/silence.h"
#include "wring/base/clock.h"
#include "wring/session/judged_process.h"

namespace wring {
namespace {

using namespace std::chrono_literals;

constexpr auto kTurn = 1s;  // how often we look whether a rank that does not come is waited for any longer

// In a monitor's words: there is nothing to wait longer for, since the program runs to its end.
Text way_out_of(const ObservedProgram& seen, const std::vector<std::string>& command) {
  if (const auto isolated = isolated_python(command); isolated && seen.silent.empty()) return isolated->way_out;
  if (seen.silent.empty()) return {};
  return {"wring diagnose --after 5 --steps 30 -- COMMAND needs fewer steps",
          "wring diagnose --after 5 --steps 30 -- COMMAND 所需步数更少"};
}

}  // namespace

InsideLook::InsideLook(const std::vector<std::string>& command)
    : command_(command), wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  files_.emplace();
  AgentRequest request;
  request.folder = files_->traces();
  server_.emplace(files_->socket(), std::move(request));
}

InsideLook::~InsideLook() {
  if (thread_.joinable()) stop(EndOfProgram::interrupted, {});
}

ChildOptions InsideLook::for_program() const {
  ChildOptions options;
  options.environment = agent_environment(*files_);
  return options;
}

void InsideLook::start() {
  thread_ = std::thread([this] { look(); });
}

void InsideLook::stop(EndOfProgram how, ProcessEnd end) {
  {
    const std::scoped_lock lock(mutex_);
    how_ = how;
    end_ = end;
  }
  stopped_ = true;
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(wake_.get(), &one, sizeof one);
  thread_.join();
}

std::shared_ptr<const InsideReport> InsideLook::report() const {
  const std::scoped_lock lock(mutex_);
  return report_;
}

void InsideLook::look() {
  InsideReport report;
  try {
    report = report_of(watch_reports());
  } catch (const std::exception& error) {  // the program is watched all the same
    report.reason = {"the look failed: {}", "观察失败：{}", error.what()};
  }
  const std::scoped_lock lock(mutex_);
  report_ = std::make_shared<const InsideReport>(std::move(report));
}

ObservedProgram InsideLook::watch_reports() {
  const auto begin = SteadyClock::now();
  ReportWatch watch;
  bool all_in = false;
  while (!all_in && !stopped_) {
    server_->wait(kTurn, wake_.get());
    all_in = watch.all_in(server_->clients());
  }
  if (!all_in) server_->wait(0ms);  // last words
  ObservedProgram seen;
  seen.waited_s = seconds_since(begin);
  sort_reports(server_->clients(), seen.observations, seen.silent);
  server_.reset();  // the agents let go
  const std::scoped_lock lock(mutex_);
  seen.how = all_in ? EndOfProgram::observed : how_;
  if (!all_in) seen.end = end_;
  return seen;
}

// The traces go with the agent's folder, which is not needed any more: a Python that starts later finds none, and runs
// as it would.
InsideReport InsideLook::report_of(const ObservedProgram& seen) {
  InsideReport report;
  for (const Observation& rank : seen.observations) report.ranks.push_back(judge_process(rank));
  files_.reset();
  report.silent = silent_processes(seen);
  if (const auto silence = why_silent(seen, command_)) {
    report.reason = silence->why;
    report.way_out = way_out_of(seen, command_);
  }
  return report;
}

}  // namespace wring

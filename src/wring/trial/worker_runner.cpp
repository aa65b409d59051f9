#include "wring/trial/worker_runner.h"

#include <algorithm>

#include <fmt/format.h>

#include "wring/base/clock.h"
#include "wring/base/error.h"
#include "wring/process/child_pipes.h"
#include "wring/process/line_splitter.h"
#include "wring/trial/outcome.h"
#include "wring/trial/protocol.h"
#include "wring/trial/telling_line.h"

namespace wring {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kAskInterval{50};
// What closes its output, or is told that no more comes, has this long to end.
constexpr milliseconds kEndPatience{2'000};

// A worker's error as ours: "error: what is wrong" and "  → what to do" as every program of Wring prints them, or
// whatever its last words were.
Error refusal(ErrorCode code, const std::string& program, const std::string& output) {
  std::string words = last_words(output);
  if (words.empty()) {
    return {code, fmt::format("{} ended with exit code {}", program, static_cast<int>(code))};
  }
  for (const std::string_view label : {"error: ", "错误："}) {
    if (const auto at = words.find(label); at == 0 || (at != std::string::npos && words[at - 1] == '\n')) {
      words.erase(0, at + label.size());
    }
  }
  constexpr std::string_view kArrow = "→ ";
  const auto arrow = words.find(kArrow);
  if (arrow == std::string::npos) return {code, words};
  std::string hint = words.substr(arrow + kArrow.size());
  words.erase(words.find_last_not_of(" \n", arrow == 0 ? 0 : arrow - 1) + 1);
  return {code, words, hint};
}

}  // namespace

struct WorkerRunner::Worker {
  explicit Worker(const WorkerOptions& options)
      : pipes(options.command,
              {.timeout = {}, .working_folder = options.working_folder, .environment = options.environment}) {}

  ChildPipes pipes;
  LineSplitter lines;
  OutputTail words;  // of the present trial: standard error, and what is no event on standard output
  bool has_spoken = false;
};

// One request, from its line to its outcome.
class WorkerRunner::Trial {
 public:
  Trial(const WorkerOptions& options, Worker& worker, const NumberedRequest& numbered, SteadyClock::time_point began)
      : options_(options), worker_(worker), numbered_(numbered) {
    if (const auto limit = numbered.request.time_limit_s) {
      ends_ = began + steady_duration(*limit);
    }
    const bool starting = !worker.has_spoken;
    wait_for_event(starting ? options.start_timeout : event_time());
  }

  TrialResult run() {
    worker_.words.clear();
    if (options_.meter) options_.meter->begin(worker_.pipes.pid());
    worker_.pipes.write(request_line(numbered_) + "\n");
    while (!result_) {
      if (options_.cancelled && options_.cancelled()) {
        throw Error(ErrorCode::interrupted, {"interrupted", "已中断"});
      }
      worker_.pipes.wait(std::min({kAskInterval, time_left(), limit_left()}));
      read_output();
      if (!result_) check_worker();
      if (!result_ && limit_left() == milliseconds(0)) cut_off();
    }
    if (options_.meter) result_->utilisation = options_.meter->end();
    return *result_;
  }

 private:
  milliseconds event_time() const {
    return options_.event_timeout +
           milliseconds(static_cast<std::int64_t>(numbered_.request.measure.max_seconds * 1000));
  }

  void wait_for_event(milliseconds timeout) {
    patience_ = timeout;
    deadline_ = SteadyClock::now() + timeout;
  }

  milliseconds time_left() const {
    return std::max(milliseconds(0), std::chrono::ceil<milliseconds>(deadline_ - SteadyClock::now()));
  }

  // Until the time that the request allows; an hour where it sets none.
  milliseconds limit_left() const {
    if (!ends_) return std::chrono::hours(1);
    return std::max(milliseconds(0), std::chrono::ceil<milliseconds>(*ends_ - SteadyClock::now()));
  }

  void cut_off() {
    const std::string words = last_words(worker_.words.text(), 1);
    fail(TrialOutcome::cut_off, phase_ + (words.empty() ? "" : "\n" + words));
  }

  void read_output() {
    worker_.words.add(worker_.pipes.take_err());
    try {
      worker_.lines.add(worker_.pipes.take_out(), [this](std::string_view line) { read_line(line); });
    } catch (const Error& error) {  // a broken event
      fail(TrialOutcome::error, error.message().en);
    }
  }

  void read_line(std::string_view line) {
    if (result_) return;
    const std::optional<TrialEvent> event = parse_event(line);
    if (!event) {
      worker_.words.add(std::string(line) + "\n");
    } else if (event->id == numbered_.id || event->id == 0) {  // 0: of a request that could not be read
      take(*event);
    }
  }

  void take(const TrialEvent& event) {
    worker_.has_spoken = true;
    const bool measures = event.phase == "measure";
    if (options_.meter) measures ? options_.meter->begin_measure() : options_.meter->end_measure();
    if (event.done) {
      result_ = event.done;
      result_->message = led_by_telling_line(result_->message);
      return;
    }
    phase_ = event.phase;
    wait_for_event(event.phase == "load" ? options_.start_timeout : event_time());
    if (options_.on_phase) options_.on_phase(numbered_.request, event.phase);
  }

  // Whether there is still somebody to wait for.
  void check_worker() {
    if (worker_.pipes.end()) {
      take_end(*worker_.pipes.end());
    } else if (SteadyClock::now() >= deadline_) {
      if (closed_) {
        const std::string line = telling_line(worker_.words.text());
        fail(TrialOutcome::error, "closed its output without a result" + (line.empty() ? "" : ": " + line));
      } else {
        fail(TrialOutcome::hang,
             fmt::format("said nothing for {:.1f} s", patience_.count() / 1e3) + last_words_after());
      }
    } else if (!closed_ && !worker_.pipes.out_open()) {
      closed_ = true;
      wait_for_event(kEndPatience);
    }
  }

  void take_end(const ProcessEnd& end) {
    const std::string& words = worker_.words.text();
    const auto code = static_cast<ErrorCode>(end.exit_status.value_or(0));
    const bool refused = code == ErrorCode::usage || code == ErrorCode::no_gpu;
    if (refused && !worker_.has_spoken) throw refusal(code, options_.command[0], words);
    result_ = failed_result(end, words, kernel_oom_kills_since(kills_before_));
  }

  std::string last_words_after() const {
    const std::string words = last_words(worker_.words.text(), 1);
    return words.empty() ? "" : "; its last words: " + words;
  }

  void fail(TrialOutcome outcome, const std::string& message) {
    result_.emplace();
    result_->outcome = outcome;
    result_->message = message;
  }

  const WorkerOptions& options_;
  Worker& worker_;
  const NumberedRequest& numbered_;
  const std::optional<long long> kills_before_ = kernel_oom_kills();
  milliseconds patience_{};
  SteadyClock::time_point deadline_;
  std::optional<SteadyClock::time_point> ends_;  // by the request's limit
  std::string phase_ = kStartPhase;
  bool closed_ = false;
  std::optional<TrialResult> result_;
};

WorkerRunner::WorkerRunner(WorkerOptions options) : options_(std::move(options)) {}

WorkerRunner::~WorkerRunner() {
  end_worker();
}

TrialResult WorkerRunner::run(const TrialRequest& request) {
  const auto start = SteadyClock::now();
  if (worker_) worker_->pipes.wait(milliseconds(0));
  if (worker_ && worker_->pipes.end()) end_worker();
  const bool fresh = !worker_;
  if (fresh) worker_ = std::make_unique<Worker>(options_);
  const NumberedRequest numbered{next_id_++, request};
  try {
    if (options_.on_phase && fresh) options_.on_phase(request, kStartPhase);
    TrialResult result = Trial(options_, *worker_, numbered, start).run();
    result.seconds = seconds_since(start);
    if (result.outcome != TrialOutcome::ok) worker_.reset();
    return result;
  } catch (...) {
    worker_.reset();
    if (options_.meter) options_.meter->end();
    throw;
  }
}

// One that has nothing to do ends by itself when its input does, and leaves nothing behind in /dev/shm.
void WorkerRunner::end_worker() {
  if (!worker_) return;
  worker_->pipes.close_input();
  for (const auto deadline = SteadyClock::now() + kEndPatience;
       !worker_->pipes.end() && SteadyClock::now() < deadline;) {
    worker_->pipes.wait(milliseconds(10));
    worker_->pipes.take_out();
    worker_->pipes.take_err();
  }
  worker_.reset();
}

std::optional<pid_t> WorkerRunner::worker() const {
  return worker_ ? std::optional(worker_->pipes.pid()) : std::nullopt;
}

}  // namespace wring

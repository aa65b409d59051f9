#include "wring/session/monitor_run.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <nlohmann/json.hpp>

#include <fmt/format.h>
#include <unistd.h>

#include "wring/agent/silence.h"
#include "wring/base/clock.h"
#include "wring/base/message.h"
#include "wring/monitor/live/view.h"
#include "wring/monitor/notices.h"
#include "wring/monitor/run_metrics.h"
#include "wring/monitor/write/checkpoint.h"
#include "wring/monitor/write/summary_json.h"
#include "wring/monitor/write/summary_text.h"
#include "wring/monitor/write/tick_writers.h"
#include "wring/process/signal_wait.h"
#include "wring/process/watched_command.h"
#include "wring/session/inside_look.h"
#include "wring/session/kept_summary.h"
#include "wring/session/monitor_server.h"
#include "wring/telemetry/history.h"
#include "wring/telemetry/sampler.h"

namespace wring {
namespace {

namespace fs = std::filesystem;
using Deadline = std::optional<SteadyClock::time_point>;

// The live view's verdicts are about this much of the past.
constexpr double kVerdictWindowS = 60;

SteadyClock::duration duration(double seconds) {
  return steady_duration(std::min(seconds, kLongestMonitorS));
}

TickFormat format_of_log(const MonitorOptions& options) {
  if (options.format) return *options.format;
  const std::string extension = options.log->extension().string();
  if (extension == ".csv") return TickFormat::csv;
  return extension == ".jsonl" ? TickFormat::jsonl : TickFormat::text;
}

bool wants_live_view(const MonitorOptions& options) {
  return !options.format && !options.common.quiet && options.command.empty() && live::live_view_possible();
}

// Processes cost the driver a call per card and tick, so they are read where something shows them.
std::unique_ptr<Telemetry> telemetry_for(const MonitorOptions& options) {
  TelemetryOptions telemetry;
  telemetry.gpus = options.gpus;
  telemetry.processes = options.serve || wants_live_view(options) || options.format == TickFormat::jsonl ||
                        (options.log && format_of_log(options) == TickFormat::jsonl);
  return open_telemetry(telemetry);
}

std::vector<int> signals_for(const MonitorOptions& options) {
  // Whatever would end the process without a word ends it with the summary, or goes to the command.
  std::vector<int> signals = {SIGTERM, SIGUSR1, SIGUSR2, SIGALRM};
  if (!is_ignored(SIGINT)) signals.push_back(SIGINT);
  if (options.log || !is_ignored(SIGHUP)) signals.push_back(SIGHUP);
  if (!options.command.empty()) signals.insert(signals.end(), {SIGCHLD, SIGQUIT});
  return signals;
}

// One Ctrl-C soon after another: the command did not end by the first. Much later it is an affair of its own.
class InterruptPatience {
 public:
  // To be asked at each interrupt.
  bool is_over() {
    const auto now = SteadyClock::now();
    const bool soon = last_ && now - *last_ <= kLongest;
    if (soon && now - *last_ < kOneStop) return false;  // one request
    last_ = now;
    return soon;
  }

 private:
  static constexpr std::chrono::seconds kLongest{10};
  Deadline last_;
};

class MonitorRun {
 public:
  MonitorRun(const MonitorOptions& options, const Console& console, std::shared_ptr<Telemetry> telemetry)
      : options_(options),
        console_(console),
        telemetry_(std::move(telemetry)),
        signals_(signals_for(options)),
        notices_(console, telemetry_->gpus()),
        kept_(options, console, notices_),
        builder_(telemetry_->gpus(), !options.command.empty()),
        recent_(static_cast<std::size_t>(std::clamp(kVerdictWindowS / options.interval_s, 2.0, 600.0)) + 1),
        sampler_(telemetry_, sampler_options()) {
    if (options.run) run_.emplace(*options.run);
  }

  int run() {
    tell_problems();
    kept_.check();
    sampler_.add(builder_);
    sampler_.add(recent_);
    sampler_.add(notices_);
    open_log();
    open_server();
    if (!options_.command.empty() && !start_command()) return command_->exit_code().value();
    command_ ? sampler_.follow(command_->pid()) : sampler_.follow_cuda();
    open_display();
    sampler_.start();
    if (server_) server_->start();
    if (look_) look_->start();
    watch();
    // A second Ctrl-C ends at once, whatever the first one's end waits for.
    if (!command_ && !is_ignored(SIGINT)) SignalWait::let_interrupt_end();
    sampler_.stop();
    if (command_ && command_->exit_code()) builder_.command_ended();
    view_.reset();
    server_.reset();
    notices_.release();
    if (look_) end_look();
    report();
    if (command_) wait_for_command();
    const int code = exit_code();
    leave_a_hung_call_behind(code);
    return code;
  }

 private:
  SamplerOptions sampler_options() {
    SamplerOptions sampler;
    sampler.interval_s = options_.interval_s;
    sampler.on_sink_error = [this](const Error& error) {
      failed_ = true;
      notices_.say_even_if_quiet(error.message(), error.hint());
    };
    return sampler;
  }

  JudgedSummary summary() {
    JudgedSummary all = judged(builder_.summary());
    if (run_) all.run = run_->summary();
    if (const auto inside = seen_inside()) add_inside(all, inside_findings(*inside));
    return all;
  }

  JudgedSummary recent_summary() const {
    JudgedSummary recent = judged(summarize(recent_.last(), telemetry_->gpus()));
    if (const auto inside = seen_inside()) add_inside(recent, inside_findings(*inside));
    return recent;
  }

  // Null without --why, and until the look is over.
  std::shared_ptr<const InsideReport> seen_inside() const { return look_ ? look_->report() : nullptr; }

  TextStyle style() const { return {console_.language, console_.utf8}; }

  void tell_problems() {
    for (const GpuProblem& problem : telemetry_->problems()) notices_.say(problem.what, with_doctor(problem.cure));
    if (!telemetry_->gpus().empty()) return;
    notices_.say({"no GPU is watched, only this computer's CPU and memory", "没有可监控的GPU，只监控本机的CPU和内存"},
                 {});
  }

  void open_log() {
    if (!options_.log) return;
    // A log is for machines and later days: UTF-8, whatever the terminal shows.
    log_ = std::make_unique<LogWriter>(
        *options_.log, make_formatter(format_of_log(options_), telemetry_->gpus(), {console_.language, /*utf8=*/true}),
        options_.rotation);
    sampler_.add(*log_);
  }

  // Before the command starts, which would run in vain where the port is taken.
  void open_server() {
    if (!options_.serve) return;
    server_ = make_monitor_server(
        options_, *telemetry_, [this] { return summary(); }, [this] { return recent_summary(); });
    sampler_.add(*server_);
    // Nobody else knows a port that was chosen here.
    if (console_.quiet && serve::parse_listen_address(*options_.serve).port != 0) return;
    write_message(fmt::format("{} {}\n", console_.text({"Open in a browser:", "请在浏览器中打开："}), server_->url()));
  }

  bool start_command() {
    ::unsetenv(serve::kTokenVariable.text());  // it is the server's alone, which has read it
    if (options_.why) open_look();
    command_.emplace(options_.command, look_ ? look_->for_program() : ChildOptions());
    if (!command_->failure()) return true;
    print_error(Error(ErrorCode::failed, *command_->failure(),
                      {"check the command's name and that it is on PATH", "请检查命令名及 PATH"}),
                options_.common);
    return false;
  }

  void open_look() {
    if (const auto isolated = isolated_python(options_.command)) notices_.say(isolated->why, isolated->way_out);
    look_.emplace(options_.command);
  }

  void end_look() {
    const auto code = command_->exit_code();
    const EndOfProgram how = interrupted_ ? EndOfProgram::interrupted
                             : code       ? EndOfProgram::by_itself
                                          : EndOfProgram::timed_out;
    look_->stop(how, {.exit_status = code, .signal = std::nullopt});
  }

  // On a terminal the live view, else lines; with a command nothing, because standard output is the command's.
  void open_display() {
    if (command_) return;
    if (wants_live_view(options_)) open_live_view();
    const bool lines = !view_ && (!console_.quiet || options_.format.value_or(TickFormat::text) != TickFormat::text);
    if (!lines) return;
    std::fflush(stdout);
    lines_ = std::make_unique<StreamWriter>(
        STDOUT_FILENO, make_formatter(options_.format.value_or(TickFormat::text), telemetry_->gpus(), style()), [this] {
          output_closed_ = true;
          signals_.wake();
        });
    sampler_.add(*lines_);
  }

  void open_live_view() {
    live::LiveViewOptions view;
    view.language = console_.language;
    view.color = console_.color_out;
    view.utf8 = console_.utf8;
    if (options_.seconds > 0) view.duration_s = options_.seconds;
    view.gpus = telemetry_->gpus();
    view.source = telemetry_->source();
    view.problems = telemetry_->problems();
    view.driver_version = telemetry_->driver_version();
    view.quit = [this] {
      quit_ = true;
      signals_.wake();
    };
    view.set_interval = [this](double seconds) { sampler_.set_interval(seconds); };
    view.verdicts = [this] {
      std::vector<std::vector<Finding>> verdicts;
      for (CardFindings& card : recent_summary().findings) {
        verdicts.push_back(std::move(card.verdicts));
      }
      if (run_) add_straggler(verdicts);
      return verdicts;
    };
    view_ = live::LiveView::open(std::move(view));
    if (!view_) return;
    notices_.hold();
    sampler_.add(*view_);
  }

  // First on the card of that rank, where ranks and cards are those of one machine; else on the first card.
  void add_straggler(std::vector<std::vector<Finding>>& cards) {
    const RunSummary run = run_->summary();
    if (!run.straggler || cards.empty()) return;
    const auto rank = static_cast<std::size_t>(*run.slowest);
    const bool own = static_cast<std::size_t>(run.ranks) == cards.size() && rank < cards.size();
    std::vector<Finding>& card = cards[own ? rank : 0];
    card.insert(card.begin(), *run.straggler);
  }

  // Until the time is over, a signal says so, nobody reads any more, or the command has ended.
  void watch() {
    const Deadline end =
        options_.seconds > 0 ? Deadline(SteadyClock::now() + duration(options_.seconds)) : std::nullopt;
    auto checkpoint = SteadyClock::now() + duration(kCheckpointPeriodS);
    while (!quit_ && !output_closed_ && !(command_ && command_->exit_code())) {
      const auto now = SteadyClock::now();
      if (end && now >= *end) return;
      if (now >= checkpoint) {
        keep_summary(false);
        checkpoint += duration(kCheckpointPeriodS);
      }
      if (const auto seen = signals_.wait(end ? std::min(*end, checkpoint) : checkpoint); seen && ends_watch(*seen)) {
        return;
      }
    }
  }

  // With a command every signal is the command's affair; it got those of the terminal itself.
  bool ends_watch(const SignalWait::Seen& seen) {
    if (seen.signal == SIGHUP && log_) {
      log_->reopen();
      return false;
    }
    if (command_) pass_on(seen, *command_);
    return !command_;
  }

  void pass_on(const SignalWait::Seen& seen, WatchedCommand& command) {
    interrupted_ = interrupted_ || std::ranges::find(kStopSignals, seen.signal) != kStopSignals.end();
    if (seen.signal == SIGINT && patience_.is_over()) {
      command.kill();
    } else if (seen.signal != SIGCHLD && !seen.from_terminal) {
      command.send(seen.signal);
    }
  }

  void wait_for_command() {
    while (!command_->exit_code()) {
      if (const auto seen = signals_.wait(std::nullopt)) ends_watch(*seen);
    }
  }

  void keep_summary(bool complete) {
    if (!kept_.tries()) return;
    nlohmann::ordered_json json = summary_json(summary(), console_.language, complete);
    if (const auto inside = seen_inside()) json["inside"] = inside_json(*inside, console_.language);
    kept_.write(json);
  }

  void report() {
    // A short run leaves no file that nobody asked for.
    if (kept_.written() || options_.summary) keep_summary(true);
    if (console_.quiet || output_closed_) return;
    const bool beside_data = command_ || options_.format.value_or(TickFormat::text) != TickFormat::text;
    const JudgedSummary all = summary();
    std::fflush(stdout);
    const auto inside = seen_inside();
    const std::string seen = inside ? inside_text(*inside, style()) + '\n' : "";
    const std::string words =
        fmt::format("\n{}\n{}{}", summary_headline(all, style()), seen, summary_details(all, style()));
    if (beside_data) {
      write_message(words);
    } else {
      write_all(STDOUT_FILENO, words);
    }
  }

  int exit_code() {
    if (command_) {
      const int code = command_->exit_code().value();
      if (code != 0) return code;
    } else if (failed_ || kept_.failed()) {
      return static_cast<int>(ErrorCode::failed);
    }
    const bool lost = options_.strict && builder_.summary().lost_a_card();
    if (lost && console_.quiet) {
      notices_.say_even_if_quiet({"a GPU was lost on the way (--strict)", "中途丢失了 GPU（--strict）"}, {});
    }
    return lost ? static_cast<int>(ErrorCode::failed) : 0;
  }

  // The driver's handlers at exit would wait for the call that hangs.
  void leave_a_hung_call_behind(int code) {
    if (!sampler_.left_a_call_behind()) return;
    std::fflush(nullptr);
    std::_Exit(code);
  }

  const MonitorOptions& options_;
  const Console console_;
  const std::shared_ptr<Telemetry> telemetry_;
  SignalWait signals_;
  MonitorNotices notices_;
  KeptSummary kept_;
  SummaryBuilder builder_;
  History recent_;
  std::optional<RunMetrics> run_;
  std::unique_ptr<LogWriter> log_;
  std::unique_ptr<serve::MonitorServer> server_;
  std::unique_ptr<StreamWriter> lines_;
  std::unique_ptr<live::LiveView> view_;
  std::optional<InsideLook> look_;
  std::optional<WatchedCommand> command_;
  bool interrupted_ = false;  // by a signal that went on to the command
  InterruptPatience patience_;
  std::atomic<bool> failed_ = false;
  std::atomic<bool> quit_ = false;
  std::atomic<bool> output_closed_ = false;
  Sampler sampler_;  // last: its threads use the rest
};

void require_gpu(const Telemetry& telemetry) {
  if (!telemetry.gpus().empty() && telemetry.source() != GpuSource::none) return;
  if (!telemetry.problems().empty()) {
    const GpuProblem& problem = telemetry.problems().front();
    throw Error(ErrorCode::no_gpu, problem.what, problem.cure);
  }
  throw Error(ErrorCode::no_gpu, {"no GPU can be watched", "没有可监控的GPU"},
              {"without --strict the computer alone is watched", "去掉 --strict 可只监控本机"});
}

}  // namespace

int monitor(const MonitorOptions& options) {
  std::signal(SIGPIPE, SIG_IGN);  // a reader that is gone is told by EPIPE
  const std::shared_ptr<Telemetry> telemetry = telemetry_for(options);
  if (options.strict) require_gpu(*telemetry);
  return MonitorRun(options, console_for(options.common), telemetry).run();
}

}  // namespace wring

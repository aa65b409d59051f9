#include "wring/trial/command_trial.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <signal.h>

#include "wring/base/clock.h"
#include "wring/base/error.h"
#include "wring/process/line_splitter.h"
#include "wring/trial/outcome.h"
#include "wring/trial/protocol.h"
#include "wring/trial/telling_line.h"

namespace wring {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kAskInterval{50};
// What a program has for its end where the time of its trial is over.
constexpr milliseconds kShortGrace{1'000};
constexpr std::size_t kRatesWanted = 3;               // of which the first two are of the start
constexpr int kNotExecutable = 126, kNotFound = 127;  // a shell's exit codes

// A shell tells of a signal that ended its command by an exit code above 128.
ProcessEnd seen_through_shell(const ProcessEnd& end) {
  for (const int signal : {SIGKILL, SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSYS, SIGTRAP}) {
    if (end.exit_status == 128 + signal) return {.exit_status = {}, .signal = signal};
  }
  return end;
}

// One start of the program, until its rate is known.
class CommandTrial {
 public:
  CommandTrial(const CommandOptions& options, const RatePattern* pattern, const TrialRequest& request,
               std::optional<std::int64_t> batch, ChildPipes& child)
      : options_(options),
        pattern_(pattern),
        request_(request),
        batch_(batch),
        child_(child),
        phase_(pattern != nullptr ? kFirstRatePhase : kStartPhase) {
    deadline_ = start_ + options.start_timeout;
    if (const auto limit = request.time_limit_s) {
      ends_ = start_ + steady_duration(*limit);
    }
  }

  TrialResult run() {
    if (options_.meter) options_.meter->begin(child_.pid());
    if (options_.on_phase) options_.on_phase(request_, phase_);
    while (!result_) {
      ask_cancelled();
      child_.wait(std::min(kAskInterval, limit_left()));
      read_output();
      if (!result_) judge();
    }
    add_readings();
    stop();
    result_->seconds = seconds_since(start_);
    return *result_;
  }

 private:
  // Until the time that the request allows; an hour where it sets none.
  milliseconds limit_left() const {
    if (!ends_) return std::chrono::hours(1);
    return std::max(milliseconds(0), std::chrono::ceil<milliseconds>(*ends_ - SteadyClock::now()));
  }

  void ask_cancelled() const {
    if (options_.cancelled && options_.cancelled()) throw Error(ErrorCode::interrupted, {"interrupted", "已中断"});
  }

  void read_output() {
    out_.add(child_.take_out(), [this](std::string_view line) { read_line(line, true); });
    err_.add(child_.take_err(), [this](std::string_view line) { read_line(line, false); });
    if (!child_.end()) return;
    out_.finish([this](std::string_view line) { read_line(line, true); });
    err_.finish([this](std::string_view line) { read_line(line, false); });
  }

  void read_line(std::string_view line, bool may_be_event) {
    if (result_ || (may_be_event && read_event(line))) return;
    if (!line.empty()) words_.add(std::string(line) + "\n");
    const auto rate = pattern_ != nullptr ? pattern_->rate_in(line) : std::nullopt;
    if (!rate) return;
    rates_.push_back(*rate);
    deadline_ = SteadyClock::now() + options_.event_timeout;
    if (rates_.size() == 1) begin_measure();
  }

  // Whether the line is one of the protocol's.
  bool read_event(std::string_view line) {
    try {
      const std::optional<TrialEvent> event = parse_event(line);
      if (event) take(*event);
      return event.has_value();
    } catch (const Error& error) {
      if (pattern_ == nullptr) fail(TrialOutcome::error, error.message().en);
      return false;
    }
  }

  void take(const TrialEvent& event) {
    speaks_protocol_ = true;
    deadline_ = SteadyClock::now() + (event.phase == "load" ? options_.start_timeout : options_.event_timeout);
    if (event.done) {
      result_ = event.done;
      result_->message = led_by_telling_line(result_->message);
      return;
    }
    if (options_.meter) event.phase == "measure" ? options_.meter->begin_measure() : options_.meter->end_measure();
    phase_ = event.phase;
    if (options_.on_phase) options_.on_phase(request_, phase_);
  }

  void begin_measure() {
    first_rate_ = SteadyClock::now();
    if (speaks_protocol_) return;  // it names its phases itself
    if (options_.meter) options_.meter->begin_measure();
    phase_ = "measure";
    if (options_.on_phase) options_.on_phase(request_, phase_);
  }

  void judge() {
    const auto now = SteadyClock::now();
    const double wanted_s =
        std::max(std::chrono::duration<double>(options_.trial_time).count(), request_.measure.min_seconds);
    const bool enough = first_rate_ && rates_.size() >= kRatesWanted && seconds_between(*first_rate_, now) >= wanted_s;
    if (enough) {
      take_rates();
    } else if (child_.end()) {
      take_end(*child_.end());
    } else if (limit_left() == milliseconds(0)) {
      take_limit();
    } else if (now >= deadline_) {
      take_silence();
    }
  }

  void take_rates() {
    const RateSummary summary = summarise_rates(rates_, batch_);
    result_.emplace();
    result_->samples_per_s = summary.samples_per_s;
    result_->step_ms = summary.step_ms;
    result_->warmup_s = seconds_between(start_, *first_rate_);
  }

  void take_end(const ProcessEnd& end) {
    const int code = end.exit_status.value_or(0);
    const bool never_ran = code == kNotFound || code == kNotExecutable;
    if (never_ran && rates_.empty() && !speaks_protocol_) {
      throw Error(ErrorCode::failed,
                  {"the command cannot be run: " + telling_line(words_.text()),
                   "无法运行该命令：" + telling_line(words_.text())},
                  {"check that the program is installed and on PATH", "请检查该程序是否已安装并在 PATH 中"});
    }
    if (end.exit_status != 0) {
      result_ = failed_result(seen_through_shell(end), words_.text(), kernel_oom_kills_since(kills_before_));
    } else if (!rates_.empty()) {
      take_rates();
    } else if (speaks_protocol_) {
      fail(TrialOutcome::error, "ended without the line \"done\"");
    } else {
      refuse_without_rate();
    }
  }

  // What was told until then is a rate, if of fewer readings.
  void take_limit() {
    if (rates_.size() >= kRatesWanted) return take_rates();
    const std::string words = last_words(words_.text(), 1);
    fail(TrialOutcome::cut_off, phase_ + (words.empty() ? "" : "\n" + words));
  }

  void take_silence() {
    const bool has_told = !rates_.empty() || speaks_protocol_;
    if (!has_told && !words_.text().empty()) refuse_without_rate();
    const milliseconds waited = has_told ? options_.event_timeout : options_.start_timeout;
    fail(TrialOutcome::hang, fmt::format("no {} for {:.1f} s", pattern_ != nullptr ? "rate" : "event",
                                         static_cast<double>(waited.count()) / 1e3));
  }

  [[noreturn]] void refuse_without_rate() {
    const std::string words = last_words(words_.text(), 3);
    const std::string shown_en = words.empty() ? "" : "; the last it printed:\n" + words;
    const std::string shown_zh = words.empty() ? "" : "；最后的输出：\n" + words;
    if (pattern_ != nullptr) {
      throw Error(ErrorCode::usage,
                  {fmt::format("no line of the command's output matches '{}'{}", options_.rate_regex, shown_en),
                   fmt::format("命令的输出中没有与 '{}' 匹配的行{}", options_.rate_regex, shown_zh)},
                  {"correct --rate-regex: its first group (…) is the number of samples a second",
                   "请修正 --rate-regex：其第一个括号 (…) 内为每秒样本数"});
    }
    throw Error(
        ErrorCode::usage,
        {"the command prints no rate that can be read" + shown_en, "命令没有输出可识别的速率" + shown_zh},
        {"say how it prints samples a second, --rate-regex 'speed: ([0-9.]+)', or let it print a line of "
         "docs/trial_protocol.md",
         "请用 --rate-regex 'speed: ([0-9.]+)' 说明每秒样本数的写法，或让它输出 docs/trial_protocol.md 中的行"});
  }

  void fail(TrialOutcome outcome, std::string message) {
    result_.emplace();
    result_->outcome = outcome;
    const std::string words = outcome == TrialOutcome::hang ? last_words(words_.text(), 1) : "";
    result_->message = std::move(message) + (words.empty() ? "" : "; its last words: " + words);
  }

  // What was seen from outside, where the program does not say it itself.
  void add_readings() {
    if (!options_.meter) return;
    result_->utilisation = options_.meter->end();
    TrialMemory& memory = result_->memory;
    if (!memory.peak_reserved_mib) memory.peak_reserved_mib = options_.meter->peak_memory_mib();
    if (!memory.device_total_mib) memory.device_total_mib = options_.meter->memory_total_mib();
    if (!memory.device_free_mib) memory.device_free_mib = options_.meter->memory_free_mib();
  }

  // Asks the program to end, so that it may free what it holds; one that hangs is not asked. A limit on the trial
  // leaves little time for it.
  void stop() {
    if (result_->outcome != TrialOutcome::hang) {
      const milliseconds grace = std::min(options_.grace, std::max(limit_left(), kShortGrace));
      child_.send(SIGTERM);
      for (const auto patience = SteadyClock::now() + grace; !child_.end() && SteadyClock::now() < patience;) {
        ask_cancelled();
        child_.wait(kAskInterval);
        child_.take_out();
        child_.take_err();
      }
    }
    child_.kill();
  }

  const CommandOptions& options_;
  const RatePattern* pattern_;
  const TrialRequest& request_;
  const std::optional<std::int64_t> batch_;
  ChildPipes& child_;
  const std::optional<long long> kills_before_ = kernel_oom_kills();
  const SteadyClock::time_point start_ = SteadyClock::now();
  SteadyClock::time_point deadline_;
  std::optional<SteadyClock::time_point> ends_;  // by the request's limit
  std::string phase_;
  std::optional<SteadyClock::time_point> first_rate_;
  LineSplitter out_{"\r\n"};  // progress bars begin their line anew by \r
  LineSplitter err_{"\r\n"};
  OutputTail words_;
  std::vector<double> rates_;
  bool speaks_protocol_ = false;
  std::optional<TrialResult> result_;
};

}  // namespace

TrialResult run_command_trial(const CommandOptions& options, const RatePattern* pattern, const TrialRequest& request,
                              std::optional<std::int64_t> batch, ChildPipes& child) {
  return CommandTrial(options, pattern, request, batch, child).run();
}

}  // namespace wring

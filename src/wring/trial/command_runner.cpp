#include "wring/trial/command_runner.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <system_error>

#include <fmt/format.h>
#include <signal.h>

#include "wring/base/child_pipes.h"
#include "wring/base/error.h"
#include "wring/base/files.h"
#include "wring/base/line_splitter.h"
#include "wring/config/document.h"
#include "wring/config/patcher.h"
#include "wring/trial/outcome.h"
#include "wring/trial/printed_rates.h"
#include "wring/trial/protocol.h"

namespace wring {
namespace fs = std::filesystem;
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using Environment = std::vector<std::pair<std::string, std::optional<std::string>>>;

constexpr milliseconds kAskInterval{50};
constexpr std::size_t kRatesWanted = 3;  // of which the first two are of the start
constexpr std::string_view kPlaceholder = "{config}";
// The shell gets the same SIGTERM as the program: it waits until that one has ended instead of ending before it.
const std::string kPatientShell = "trap : TERM\n";
constexpr int kNotExecutable = 126, kNotFound = 127;  // a shell's exit codes

double seconds_between(Clock::time_point start, Clock::time_point end) {
  return std::chrono::duration<double>(end - start).count();
}

// A folder of our own under the system's for temporary files.
class ScratchFolder {
 public:
  ScratchFolder() {
    std::string name = (fs::temp_directory_path() / "wring-trial-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) {
      throw Error(ErrorCode::failed,
                  {fmt::format("cannot create the folder {}: {}", name, std::strerror(errno)),
                   fmt::format("无法创建文件夹 {}：{}", name, std::strerror(errno))},
                  {"set TMPDIR to a folder that can be written to", "请将 TMPDIR 设为可写的文件夹"});
    }
    path_ = name;
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  ~ScratchFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

bool is_plain(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || std::strchr("_-./", c) != nullptr;
}

// As a shell reads it back. A plain word stays as it is, so that it may stand in quotes of the user's own.
std::string quoted(const std::string& word) {
  if (std::ranges::all_of(word, is_plain)) return word;
  std::string result = "'";
  for (const char c : word) result += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return result + "'";
}

std::string plain_name(const fs::path& path) {
  std::string name = path.filename().string();
  std::ranges::replace_if(
      name, [](char c) { return !is_plain(c) || c == '/'; }, '_');
  return name;
}

std::string with_config(std::string command, const fs::path& config) {
  const std::string word = quoted(config.string());
  for (std::size_t at = 0; (at = command.find(kPlaceholder, at)) != std::string::npos; at += word.size()) {
    command.replace(at, kPlaceholder.size(), word);
  }
  return command;
}

std::optional<std::int64_t> whole_number(const std::string& text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value <= 0) return std::nullopt;
  return value;
}

// By the config's own name for the batch size; of a key that is set twice the last value.
std::vector<Assignment> assignments_of(const TrialRequest& request, const std::string& batch_key) {
  std::vector<Assignment> assignments;
  for (Assignment assignment : request.set) {
    if (assignment.key == "batch_size") assignment.key = batch_key;
    std::erase_if(assignments, [&](const Assignment& earlier) { return earlier.key == assignment.key; });
    assignments.push_back(std::move(assignment));
  }
  return assignments;
}

// Ours, where the user does not set the same.
Environment trial_environment(const CommandOptions& options, const fs::path& scratch) {
  Environment environment = options.environment;
  const Environment own = {{"PYTHONUNBUFFERED", "1"}, {"TMPDIR", scratch.string()}};
  for (const auto& [name, value] : own) {
    const bool set = std::ranges::any_of(options.environment, [&](const auto& given) { return given.first == name; });
    if (!set) environment.emplace_back(name, value);
  }
  return environment;
}

// A shell tells of a signal that ended its command by an exit code above 128.
ProcessEnd seen_through_shell(const ProcessEnd& end) {
  for (const int signal : {SIGKILL, SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL}) {
    if (end.exit_status == 128 + signal) return {.exit_status = {}, .signal = signal};
  }
  return end;
}

}  // namespace

struct CommandRunner::State {
  explicit State(CommandOptions given) : options(std::move(given)) {
    if (options.command.find(kPlaceholder) == std::string::npos) {
      throw Error(ErrorCode::usage,
                  {fmt::format("the command '{}' does not say where its config goes", options.command),
                   fmt::format("命令 '{}' 没有写明配置文件的位置", options.command)},
                  {"write {config} in its place: --command \"python train.py --config {config}\"",
                   "请在相应位置写上 {config}：--command \"python train.py --config {config}\""});
    }
    if (!options.rate_regex.empty()) pattern.emplace(options.rate_regex);
    config_text = read_file(options.config);
    patch_yaml(config_text, {}, options.config);
  }

  CommandOptions options;
  std::optional<RatePattern> pattern;
  std::string config_text;
  // One for all trials: what a program compiles and keeps in TMPDIR need not be compiled again.
  ScratchFolder folder;
};

namespace {

// One start of the program, until its rate is known.
class CommandTrial {
 public:
  CommandTrial(const CommandOptions& options, const RatePattern* pattern, const TrialRequest& request,
               std::optional<std::int64_t> batch, ChildPipes& child)
      : options_(options), pattern_(pattern), request_(request), batch_(batch), child_(child) {
    deadline_ = start_ + options.start_timeout;
  }

  TrialResult run() {
    if (options_.meter) options_.meter->begin(child_.pid());
    if (options_.on_phase) options_.on_phase(request_, "warmup");
    while (!result_) {
      ask_cancelled();
      child_.wait(kAskInterval);
      read_output();
      if (!result_) judge();
    }
    add_readings();
    stop();
    result_->seconds = seconds_between(start_, Clock::now());
    return *result_;
  }

 private:
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
    deadline_ = Clock::now() + options_.event_timeout;
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
    deadline_ = Clock::now() + (event.phase == "load" ? options_.start_timeout : options_.event_timeout);
    if (event.done) {
      result_ = event.done;
      return;
    }
    if (options_.meter) event.phase == "measure" ? options_.meter->begin_measure() : options_.meter->end_measure();
    if (options_.on_phase) options_.on_phase(request_, event.phase);
  }

  void begin_measure() {
    first_rate_ = Clock::now();
    if (speaks_protocol_) return;  // it names its phases itself
    if (options_.meter) options_.meter->begin_measure();
    if (options_.on_phase) options_.on_phase(request_, "measure");
  }

  void judge() {
    const auto now = Clock::now();
    const double wanted_s =
        std::max(std::chrono::duration<double>(options_.trial_time).count(), request_.measure.min_seconds);
    const bool enough = first_rate_ && rates_.size() >= kRatesWanted && seconds_between(*first_rate_, now) >= wanted_s;
    if (enough) {
      take_rates();
    } else if (child_.end()) {
      take_end(*child_.end());
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
    const bool never_ran = end.exit_status == kNotFound || end.exit_status == kNotExecutable;
    if (never_ran && rates_.empty() && !speaks_protocol_) {
      throw Error(
          ErrorCode::failed,
          {"the command cannot be run: " + last_words(words_.text()), "无法运行该命令：" + last_words(words_.text())},
          {"check that the program is installed and on PATH", "请检查该程序是否已安装并在 PATH 中"});
    }
    if (end.exit_status != 0) {
      const std::optional<long long> kills_now = kernel_oom_kills();
      const bool known = kills_before_ && kills_now;
      result_ = failed_result(seen_through_shell(end), words_.text(),
                              known ? std::optional(*kills_now - *kills_before_) : std::nullopt);
    } else if (!rates_.empty()) {
      take_rates();
    } else if (speaks_protocol_) {
      fail(TrialOutcome::error, "ended without the line \"done\"");
    } else {
      refuse_without_rate();
    }
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
    const std::string words = outcome == TrialOutcome::hang ? last_words(words_.text()) : "";
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

  // Asks the program to end, so that it may free what it holds; one that hangs is not asked.
  void stop() {
    if (result_->outcome != TrialOutcome::hang) {
      child_.send(SIGTERM);
      for (const auto patience = Clock::now() + options_.grace; !child_.end() && Clock::now() < patience;) {
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
  const Clock::time_point start_ = Clock::now();
  Clock::time_point deadline_;
  std::optional<Clock::time_point> first_rate_;
  LineSplitter out_{"\r\n"};  // progress bars begin their line anew by \r
  LineSplitter err_{"\r\n"};
  OutputTail words_;
  std::vector<double> rates_;
  bool speaks_protocol_ = false;
  std::optional<TrialResult> result_;
};

}  // namespace

CommandRunner::CommandRunner(CommandOptions options) : state_(std::make_unique<State>(std::move(options))) {}

CommandRunner::~CommandRunner() = default;

TrialResult CommandRunner::run(const TrialRequest& request) {
  const CommandOptions& options = state_->options;
  if (request.measure.data != TrialData::real) {
    TrialResult result;
    result.outcome = TrialOutcome::error;
    result.message = "a command can only be measured with its own data";
    return result;
  }
  const std::string text = patch_yaml(state_->config_text, assignments_of(request, options.batch_key), options.config);
  std::optional<std::int64_t> batch;
  for (const DocumentEntry& entry : parse_document(text, options.config)) {
    if (entry.key == options.batch_key) batch = whole_number(entry.value.text);
  }

  const fs::path config = state_->folder.path() / plain_name(options.config);
  write_file_atomically(config, text);
  ChildPipes child({"/bin/sh", "-c", kPatientShell + with_config(options.command, config)},
                   {.timeout = {},
                    .working_folder = options.working_folder,
                    .environment = trial_environment(options, state_->folder.path())},
                   ChildPipes::Input::none);
  try {
    return CommandTrial(options, state_->pattern ? &*state_->pattern : nullptr, request, batch, child).run();
  } catch (...) {
    child.kill();
    if (options.meter) options.meter->end();
    throw;
  }
}

}  // namespace wring

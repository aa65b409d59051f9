#include "wring_train/train/run_log.h"

#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include "wring/base/clock.h"
#include "wring/base/display_text.h"
#include "wring/base/error.h"
#include "wring/base/message.h"
#include "wring/console/progress_bar.h"
#include "wring_train/log/append_file.h"
#include "wring_train/log/metrics_log.h"
#include "wring_train/log/tensorboard.h"

namespace wring {
namespace {

// Writes in their order, each once; after a failure they wait for the next try.
class Backlog {
 public:
  void add(std::function<void()> write) {
    // A disk that stays full for days must not fill the memory instead.
    constexpr std::size_t kMost = 20000;
    if (waiting_.size() == kMost) {
      waiting_.pop_front();
      ++lost_;
    }
    waiting_.push_back(std::move(write));
  }

  // The error that stopped it, if one did.
  std::optional<Error> flush() {
    try {
      for (; !waiting_.empty(); waiting_.pop_front()) waiting_.front()();
      return std::nullopt;
    } catch (const Error& error) {
      return error;
    }
  }

  std::size_t unwritten() const { return waiting_.size() + lost_; }

 private:
  std::deque<std::function<void()>> waiting_;
  std::size_t lost_ = 0;
};

ProgressOptions bar_options(std::int64_t first_step, const CommonOptions& options) {
  ProgressOptions bar;
  bar.language = options.language;
  bar.quiet = options.quiet;
  bar.first_done = first_step;
  if (options.color != "auto") bar.color = options.color == "always";
  return bar;
}

std::string stamped(std::string_view text) {
  const auto now = std::chrono::time_point_cast<std::chrono::seconds>(std::chrono::system_clock::now());
  return fmt::format("{:%Y-%m-%d %H:%M:%S}Z {}\n", now, text);
}

// A run that starts anew has no metrics yet; one that is resumed drops those beyond its step.
std::optional<std::int64_t> resumed_step(std::int64_t first_step) {
  return first_step > 0 ? std::optional(first_step) : std::nullopt;
}

}  // namespace

struct RunLog::State {
  State(const Experiment& experiment, std::int64_t first_step, bool validates_again, std::int64_t total_steps,
        const CommonOptions& options)
      : language(options.language),
        quiet(options.quiet),
        terminal(isatty(STDERR_FILENO) == 1),
        log(experiment.folder, Experiment::kLog),
        metrics(experiment.folder, Experiment::kMetrics, resumed_step(first_step),
                validates_again ? kValidationScore : ""),
        tensorboard(experiment.folder, resumed_step(first_step)),
        bar(stderr, Text("train", "训练"), total_steps, bar_options(first_step, options)) {}

  Language language;
  bool quiet;
  bool terminal;
  AppendFile log;
  MetricsLog metrics;
  TensorBoardWriter tensorboard;
  ProgressBar bar;
  std::mutex mutex;  // of the text: warn() comes from any thread
  Backlog unwritten_text, unwritten_metrics, unwritten_events;
  bool text_failed = false;

  void show(const std::string& message, bool even_if_quiet) {
    if (!quiet) {
      bar.line(message);
    } else if (even_if_quiet) {
      write_message(fmt::format("{}\n", message));
    }
  }
  std::string warning(const Text& text) const {
    return (language == Language::zh ? "警告：" : "warning: ") + text.in(language);
  }
  // Into train.log. Its lines are on the terminal anyway, so that a failure is said once until it is over.
  void write_text(const std::string& line) {
    unwritten_text.add([this, stamp = stamped(without_controls(line))] { log.append(stamp); });
    const std::optional<Error> error = unwritten_text.flush();
    if (error && !text_failed) show(warning(error->message()), true);
    text_failed = error.has_value();
  }
};

RunLog::RunLog(const Experiment& experiment, std::int64_t first_step, bool validates_again, std::int64_t total_steps,
               const CommonOptions& options)
    : state_(std::make_unique<State>(experiment, first_step, validates_again, total_steps, options)) {}

RunLog::RunLog() = default;

RunLog::~RunLog() = default;

void RunLog::line(const Text& text) {
  if (!state_) return;
  const std::scoped_lock lock(state_->mutex);
  state_->show(text.in(state_->language), false);
  state_->write_text(text.in(state_->language));
}

void RunLog::warn(const Text& text) {
  if (!state_) return;
  const std::scoped_lock lock(state_->mutex);
  const std::string message = state_->warning(text);
  state_->show(message, true);
  state_->write_text(message);
}

void RunLog::progress(std::int64_t step, const std::vector<std::string>& fields) {
  if (!state_) return;
  if (state_->terminal) state_->bar.update(step, fields);
}

void RunLog::progress_line(std::int64_t step, const std::vector<std::string>& fields) {
  if (!state_) return;
  const std::scoped_lock lock(state_->mutex);
  state_->write_text(fmt::format("step {}  {}", step, fmt::join(fields, "  ")));
  if (state_->terminal) return;
  state_->bar.update(step, fields);
  state_->bar.show();
}

void RunLog::metrics(std::int64_t step, const std::vector<std::pair<std::string, double>>& values) {
  if (!state_) return;
  nlohmann::ordered_json record;
  record["step"] = step;
  for (const auto& [name, value] : values) record[name] = value;
  State& s = *state_;
  s.unwritten_metrics.add([&s, record] { s.metrics.write(record); });
  s.unwritten_events.add([&s, step, at = unix_seconds(), values] {
    std::vector<Scalar> scalars;
    for (const auto& [name, value] : values) scalars.push_back({name, value});
    s.tensorboard.write(step, at, scalars);
  });
  for (Backlog* backlog : {&s.unwritten_metrics, &s.unwritten_events}) {
    const std::optional<Error> error = backlog->flush();
    if (!error) continue;
    warn({"{}; training goes on, {} records wait in memory for the next try",
          "{}；训练继续，{} 条记录暂存内存，下次再试", error->message(), backlog->unwritten()});
  }
}

std::vector<Text> RunLog::unwritten() {
  if (!state_) return {};
  const std::scoped_lock lock(state_->mutex);
  std::vector<Text> missing;
  for (Backlog* backlog : {&state_->unwritten_metrics, &state_->unwritten_events, &state_->unwritten_text}) {
    const std::optional<Error> error = backlog->flush();
    const std::size_t count = backlog->unwritten();
    if (count == 0) continue;
    const Text reason = error ? error->message() : Text("lost while the disk was full", "磁盘写满期间丢失");
    missing.emplace_back(fmt::format("{} records ({})", count, reason.en),
                         fmt::format("{} 条记录（{}）", count, reason.zh));
  }
  return missing;
}

// Where there is no terminal the last progress line has been written already.
void RunLog::finish() {
  if (!state_) return;
  if (state_->terminal) state_->bar.finish();
}

}  // namespace wring

#include "wring_train/run/run_log.h"

#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include "wring/base/message.h"
#include "wring/report/append_file.h"
#include "wring/report/metrics_log.h"
#include "wring/report/progress_bar.h"
#include "wring/report/tensorboard.h"

namespace wring {
namespace {

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
  State(const Experiment& experiment, std::int64_t first_step, std::int64_t total_steps, const CommonOptions& options)
      : language(options.language),
        quiet(options.quiet),
        terminal(isatty(STDERR_FILENO) == 1),
        log(experiment.log()),
        metrics(experiment.metrics(), resumed_step(first_step)),
        tensorboard(experiment.folder, resumed_step(first_step)),
        bar(stderr, Text("train", "训练"), total_steps, bar_options(first_step, options)) {}

  Language language;
  bool quiet;
  bool terminal;
  AppendFile log;
  MetricsLog metrics;
  TensorBoardWriter tensorboard;
  ProgressBar bar;
};

RunLog::RunLog(const Experiment& experiment, std::int64_t first_step, std::int64_t total_steps,
               const CommonOptions& options)
    : state_(std::make_unique<State>(experiment, first_step, total_steps, options)) {}

RunLog::RunLog() = default;

RunLog::~RunLog() = default;

void RunLog::line(const Text& text) {
  if (!state_) return;
  state_->log.append(stamped(text.in(state_->language)));
  if (!state_->quiet) state_->bar.line(text.in(state_->language));
}

void RunLog::warn(const Text& text) {
  if (!state_) return;
  const char* label = state_->language == Language::zh ? "警告：" : "warning: ";
  const std::string message = label + text.in(state_->language);
  state_->log.append(stamped(message));
  if (state_->quiet) {
    write_message(fmt::format("{}\n", message));
  } else {
    state_->bar.line(message);
  }
}

void RunLog::progress(std::int64_t step, const std::vector<std::string>& fields) {
  if (!state_) return;
  if (state_->terminal) state_->bar.update(step, fields);
}

void RunLog::progress_line(std::int64_t step, const std::vector<std::string>& fields) {
  if (!state_) return;
  state_->log.append(stamped(fmt::format("step {}  {}", step, fmt::join(fields, "  "))));
  if (state_->terminal) return;
  state_->bar.update(step, fields);
  state_->bar.show();
}

void RunLog::metrics(std::int64_t step, const std::vector<std::pair<std::string, double>>& values) {
  if (!state_) return;
  nlohmann::ordered_json record;
  record["step"] = step;
  std::vector<Scalar> scalars;
  for (const auto& [name, value] : values) {
    record[name] = value;
    scalars.push_back({name, value});
  }
  state_->metrics.write(record);
  state_->tensorboard.write(step, scalars);
}

// Where there is no terminal the last progress line has been written already.
void RunLog::finish() {
  if (!state_) return;
  if (state_->terminal) state_->bar.finish();
}

}  // namespace wring

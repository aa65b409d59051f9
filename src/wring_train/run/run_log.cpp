#include "wring_train/run/run_log.h"

#include <fmt/format.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <unistd.h>

#include <map>
#include <optional>

#include "wring/base/error.h"
#include "wring/report/metrics_log.h"
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

std::shared_ptr<spdlog::logger> open_log(const std::filesystem::path& path) {
  try {
    auto logger = std::make_shared<spdlog::logger>(
        "train", std::make_shared<spdlog::sinks::basic_file_sink_mt>(path.string()));
    logger->set_pattern("%Y-%m-%d %H:%M:%S %L %v");
    logger->flush_on(spdlog::level::info);
    return logger;
  } catch (const spdlog::spdlog_ex& error) {
    throw Error(ErrorCode::failed, error.what(), "check the folder's permissions and the space on its disk");
  }
}

std::string joined(const std::vector<std::string>& fields) { return fmt::format("{}", fmt::join(fields, "  ")); }

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
        log(open_log(experiment.log())),
        metrics(experiment.metrics(), resumed_step(first_step)),
        tensorboard(experiment.folder, resumed_step(first_step)),
        bar(stderr, Text("train", "训练"), total_steps, bar_options(first_step, options)) {}

  Language language;
  bool quiet;
  bool terminal;
  std::shared_ptr<spdlog::logger> log;
  MetricsLog metrics;
  TensorBoardWriter tensorboard;
  ProgressBar bar;
};

RunLog::RunLog(const Experiment& experiment, std::int64_t first_step, std::int64_t total_steps,
               const CommonOptions& options)
    : state_(std::make_unique<State>(experiment, first_step, total_steps, options)) {}

RunLog::~RunLog() = default;

void RunLog::line(const Text& text) {
  state_->log->info(text.in(state_->language));
  if (!state_->quiet) state_->bar.line(text.in(state_->language));
}

void RunLog::warn(const Text& text) {
  state_->log->warn(text.in(state_->language));
  const char* label = state_->language == Language::zh ? "警告: " : "warning: ";
  const std::string message = label + text.in(state_->language);
  if (state_->quiet) {
    fmt::print(stderr, "{}\n", message);
  } else {
    state_->bar.line(message);
  }
}

void RunLog::progress(std::int64_t step, const std::vector<std::string>& fields) {
  if (state_->terminal) state_->bar.update(step, fields);
}

void RunLog::progress_line(std::int64_t step, const std::vector<std::string>& fields) {
  state_->log->info("step {}  {}", step, joined(fields));
  if (state_->terminal) return;
  state_->bar.update(step, fields);
  state_->bar.show();
}

void RunLog::metrics(std::int64_t step, const std::vector<std::pair<std::string, double>>& values) {
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

void RunLog::finish() { state_->bar.finish(); }

}  // namespace wring

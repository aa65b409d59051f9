#include "wring/session/runner.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <string>

#include <fmt/format.h>

#include "wring/base/environment.h"
#include "wring/base/parse.h"
#include "wring/process/find_wring_train.h"
#include "wring/trial/command_runner.h"
#include "wring/trial/worker_runner.h"

namespace wring {
namespace {

using std::chrono::milliseconds;

// How long a trial may show no sign of life, in seconds: for slow disks and for tests. While it starts and loads its
// data it has five times as long, as without the variable.
constexpr int kStartFactor = 5;
constexpr milliseconds kShortestGrace{1'000};
constexpr VariableName kTimeoutVariable = "WRING_TRIAL_TIMEOUT";

std::optional<milliseconds> given_timeout() {
  const auto given = environment(kTimeoutVariable);
  if (!given) return std::nullopt;
  const std::string text(*given);
  const auto seconds = parse_c_number(text);
  constexpr double kShortestS = 0.001;
  if (seconds && *seconds >= kShortestS && *seconds < 1e6) {
    return milliseconds(static_cast<std::int64_t>(*seconds * 1000));
  }
  throw Error(ErrorCode::usage, {"{}: '{}' is no number of seconds", "{}：“{}”不是秒数", kTimeoutVariable.text(), text},
              {"give seconds, or unset it", "请给出秒数，或取消该变量"});
}

const char* device_name(Device device) {
  return device == Device::cpu ? "cpu" : device == Device::cuda ? "cuda" : "auto";
}

}  // namespace

std::unique_ptr<TrialRunner> make_trial_runner(const TuningOptions& options, std::shared_ptr<UtilisationMeter> meter,
                                               std::function<bool()> cancelled,
                                               std::function<void(const std::string& phase)> on_phase) {
  const auto tell = [on_phase = std::move(on_phase)](const TrialRequest&, const std::string& phase) {
    on_phase(phase);
  };
  const std::optional<milliseconds> timeout = given_timeout();
  if (options.command) {
    CommandOptions program;
    program.command = options.command->command;
    program.config = options.config;
    program.batch_key = options.command->batch_key;
    program.rate_regex = options.command->rate_regex;
    program.trial_time = milliseconds(static_cast<std::int64_t>(options.command->trial_seconds * 1000));
    // Waiting for ends is not to take more of the budget than measuring.
    program.grace = std::clamp(program.trial_time, kShortestGrace, program.grace);
    if (timeout) {
      program.event_timeout = *timeout;
      program.start_timeout = kStartFactor * *timeout;
    }
    program.cancelled = std::move(cancelled);
    program.on_phase = tell;
    program.meter = std::move(meter);
    return std::make_unique<CommandRunner>(std::move(program));
  }
  const std::filesystem::path program = find_wring_train();
  require_libraries(program);
  WorkerOptions worker;
  worker.command = {program.string(), "trial", options.config.string(), "--device", device_name(options.device)};
  if (options.ranks() > 1) {
    worker.command.insert(worker.command.end(), {"--nproc", std::to_string(options.ranks())});
  }
  if (timeout) {
    worker.event_timeout = *timeout;
    worker.start_timeout = kStartFactor * *timeout;
  }
  worker.cancelled = std::move(cancelled);
  worker.on_phase = tell;
  worker.meter = std::move(meter);
  return std::make_unique<WorkerRunner>(std::move(worker));
}

}  // namespace wring

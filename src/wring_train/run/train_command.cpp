#include <chrono>

#include <fmt/format.h>

#include "wring/base/error.h"
#include "wring/base/files.h"
#include "wring/config/reader.h"
#include "wring_train/engine/device.h"
#include "wring_train/run/commands.h"
#include "wring_train/run/trainer.h"

namespace wring {
namespace {

TrainConfig load_config(const TrainOptions& options) {
  TrainConfig config = read_config(options.config, UnknownKeys::reject).values;
  for (const std::string& assignment : options.set) set_value(config, assignment);
  check_combinations(config, options.config);
  return config;
}

std::string quoted(const std::string& word) {
  const bool plain = word.find_first_of(" \t'\"$&|;<>()*?!#~`\\") == std::string::npos && !word.empty();
  if (plain) return word;
  std::string quoted = "'";
  for (const char c : word) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

// The command line that continues this run, for the user to paste.
std::string resume_command(const TrainOptions& options) {
  std::string command = "wring train " + quoted(options.config.string()) + " --resume";
  for (const std::string& assignment : options.set) command += " --set " + quoted(assignment);
  if (options.device == Device::cpu) command += " --device cpu";
  if (options.device == Device::cuda) command += " --device cuda";
  if (options.experiments != "experiments") command += " --experiments " + quoted(options.experiments.string());
  return command;
}

void say_end(RunLog& log, RunEnd end, const Progress& progress, const Experiment& experiment,
             const TrainOptions& options) {
  if (end == RunEnd::interrupted) {
    log.line(Text(fmt::format("stopped at step {}; saved. Continue with:", progress.step),
                  fmt::format("已在第 {} 步停止并保存。继续训练:", progress.step)));
    log.line("  " + resume_command(options));
    return;
  }
  if (end == RunEnd::early_stop) {
    log.line(Text(fmt::format("stopped early: no gain in {} validations", progress.validations_without_gain),
                  fmt::format("提前停止: 连续 {} 次验证没有提升", progress.validations_without_gain)));
  }
  const std::string best = experiment.best().string();
  log.line(Text(fmt::format("done: {} steps. Network: {}", progress.step, best),
                fmt::format("完成: {} 步。网络: {}", progress.step, best)));
  log.line(Text(fmt::format("next: wring upscale {} PHOTO", quoted(best)),
                fmt::format("下一步: wring upscale {} 图片", quoted(best))));
}

}  // namespace

int train_command(const TrainOptions& options) {
  const TrainConfig config = load_config(options);
  const at::Device device = choose_device(options.device);
  const StopSignal stop;

  std::filesystem::path archived_to;
  const Experiment experiment =
      open_experiment(options.experiments, experiment_name(config, options.config), options.resume, archived_to);
  const bool resuming = options.resume && std::filesystem::exists(experiment.state());

  std::vector<Text> notes;
  const auto note = [&notes](const Text& text) { notes.push_back(text); };
  const EdsrShape shape{config.base_channels, config.num_blocks, config.scale_factor};
  const std::unique_ptr<StepEngine> engine =
      make_step_engine(config, Edsr(shape, static_cast<std::uint64_t>(config.seed)), device, note);
  Progress progress;
  if (resuming) progress = load_run_state(experiment.state(), *engine);

  RunLog log(experiment, progress.step, config.total_iters, options.common);
  if (!archived_to.empty()) {
    log.line(Text("the earlier run of this name is kept as " + archived_to.string(),
                  "同名的旧实验已保留为 " + archived_to.string()));
  }
  if (options.resume) {
    log.line(resuming
                 ? Text(fmt::format("resuming at step {}", progress.step), fmt::format("从第 {} 步继续", progress.step))
                 : Text("nothing to resume yet: starting a new run", "没有可继续的训练: 重新开始"));
  }
  log.line(fmt::format("device: {}; engine: {}; network: EDSR {}×{}, ×{}", describe(device), engine->name(),
                       config.base_channels, config.num_blocks, config.scale_factor));
  for (const Text& text : notes) log.line(text);

  TrainingDataOptions data_options;
  data_options.first_step = progress.step * config.gradient_accumulation_steps;
  data_options.on_gpu = !device.is_cpu();
  data_options.note = [&log](const Text& text) { log.line(text); };
  data_options.warn = [&log](const Text& text) { log.warn(text); };
  TrainingData data = open_training_data(config, data_options);
  write_file_atomically(experiment.config(), to_yaml(config));

  Trainer trainer(config, device, *engine, std::move(data), experiment, progress, log);
  const RunEnd end = trainer.run(stop);
  say_end(log, end, trainer.progress(), experiment, options);
  return end == RunEnd::interrupted ? static_cast<int>(ErrorCode::interrupted) : 0;
}

}  // namespace wring

#include <atomic>
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <future>
#include <mutex>
#include <utility>

#include <fmt/format.h>

#include "wring/base/clock.h"
#include "wring/base/environment.h"
#include "wring/base/error.h"
#include "wring/base/system_memory.h"
#include "wring/config/overrides.h"
#include "wring/config/reader.h"
#include "wring/config/vgg_weights.h"
#include "wring/files/file_errors.h"
#include "wring/files/files.h"
#include "wring/process/launch_ranks.h"
#include "wring/process/shell_words.h"
#include "wring_train/commands/commands.h"
#include "wring_train/commands/program.h"
#include "wring_train/engine/device.h"
#include "wring_train/kernels/device_identity.h"
#include "wring_train/measure/loader_memory.h"
#include "wring_train/measure/matmul_rate.h"
#include "wring_train/train/checkpoints.h"
#include "wring_train/train/gpu_watch.h"
#include "wring_train/train/rank_agreement.h"
#include "wring_train/train/rank_facts.h"
#include "wring_train/train/run_facts.h"
#include "wring_train/train/startup_clock.h"
#include "wring_train/train/trainer.h"
#include "wring_train/train/training_ranks.h"
#include "wring_train/train/utilisation.h"

namespace wring {
namespace {

struct RunConfig {
  TrainConfig values;
  std::vector<Text> notes;  // what --set changed beside what it names
};

RunConfig load_config(const TrainOptions& options) {
  RunConfig config{read_config(options.config, UnknownKeys::reject).values, {}};
  config.notes = override_values(config.values, options.set, options.config).notes;
  return config;
}

// The command line that continues this run, for the user to paste: with the name and the place that its folder has now.
std::string resume_command(const TrainOptions& options, const TrainConfig& config, const Experiment& experiment) {
  std::string command = "wring train " + shell_quoted_path(options.config) + " --resume";
  // Its launcher's --nproc, which the ranks themselves do not get.
  if (environment(kLauncherVariable)) command += fmt::format(" --nproc {}", *environment("WORLD_SIZE"));
  for (const std::string& assignment : options.set) command += " --set " + shell_quoted(assignment);
  if (options.device == Device::cpu) command += " --device cpu";
  if (options.device == Device::cuda) command += " --device cuda";
  const std::filesystem::path folder = experiment.folder->path();
  if (folder.filename() != experiment_name(config, options.config)) {
    command += " --set " + shell_quoted("experiment_name=" + folder.filename().string());
  }
  if (folder.parent_path() != "experiments") command += " --experiments " + shell_quoted_path(folder.parent_path());
  return command;
}

// What the user still lacks on disk. Throws Error{failed}.
void refuse_missing(const std::vector<Text>& missing, const Checkpoints& checkpoints, const Progress& progress,
                    const std::string& resume) {
  if (missing.empty()) return;
  Text what{"training has ended at step {}, but not all of it is on disk", "训练在第 {} 步结束，但以下内容未能写入磁盘",
            progress.step};
  for (const Text& reason : missing) what = {"{}; {}", "{}；{}", what, reason};
  const std::int64_t saved = checkpoints.saved_step().value_or(0);
  throw Error(ErrorCode::failed, what,
              {"the newest checkpoint is of step {}: free some space, then {}",
               "最新的检查点是第 {} 步：请腾出空间，然后运行 {}", saved, resume});
}

void say_end(RunLog& log, RunEnd end, const Progress& progress, const Checkpoints& checkpoints,
             const std::string& resume) {
  if (end == RunEnd::interrupted) {
    const std::int64_t saved = checkpoints.saved_step().value_or(0);
    log.line(saved == progress.step
                 ? Text("stopped at step {}; saved. Continue with:", "已在第 {} 步停止并保存。继续训练:", progress.step)
                 : Text("stopped at step {}, in unstable steps; saved as of step {}. Continue with:",
                        "已在第 {} 步停止（当时训练不稳定），保存的是第 {} 步。继续训练:", progress.step, saved));
    log.line("  " + resume);
    return;
  }
  if (end == RunEnd::early_stop) {
    log.line(Text("stopped early: no gain in {} validations", "提前停止: 连续 {} 次验证没有提升",
                  progress.validations_without_gain));
  }
  // Without a validation there is no best network yet.
  const char* const name = checkpoints.has_best() ? Experiment::kBest : Experiment::kLast;
  const std::string best = (checkpoints.path() / name).string();
  log.line(Text("done: {} steps. Network: {}", "完成: {} 步。网络: {}", progress.step, best));
  log.line(Text("next: wring upscale {} PHOTO", "下一步: wring upscale {} 图片", shell_quoted_path(best)));
}

// A finished run that is resumed, or total_iters set below where it stands.
void say_nothing_to_do(RunLog& log, const Progress& progress, const TrainConfig& config) {
  log.line({"nothing to do: {} steps are done, and total_iters is {}. To go on, raise total_iters",
            "无事可做：已完成 {} 步，而 total_iters 为 {}。如需继续，请增大 total_iters", progress.step,
            config.total_iters});
}

// Before anything of the run is touched: a network that cannot be read may be the best one, and would be replaced.
void refuse_unreadable_networks(const Folder& checkpoints) {
  for (const char* name : {Experiment::kBest, Experiment::kLast}) {
    try {
      if (checkpoints.status(name)) open_regular_file(checkpoints, name);
    } catch (const Unreadable&) {
      throw;
    } catch (const Error&) {  // no regular file: it is replaced, as a damaged one is
    }
  }
}

LoadedState load_earlier(const Experiment& earlier, StepEngine& engine, const std::function<void(const Text&)>& warn) {
  refuse_unreadable_networks(*earlier.checkpoints);
  if (auto state = load_newest_state(*earlier.checkpoints, engine, warn)) return std::move(*state);
  throw Error(ErrorCode::failed, {earlier.checkpoints->path().string() + ": the checkpoints were removed just now",
                                  earlier.checkpoints->path().string() + "：检查点刚刚被删除"});
}

[[noreturn]] void stopped_before_the_start() {
  throw Error(ErrorCode::interrupted, {"stopped before the first step; no file of a run was changed",
                                       "在第一步之前停止，没有改动任何训练文件"});
}

ArithmeticFacts facts_of(const TrainConfig& config, at::Device device) {
  std::string why_not;
  const auto type = config.use_mixed_precision ? mixed_precision_type(config.amp_dtype, device, why_not) : std::nullopt;
  return arithmetic_facts(config, type, tail_path(config) == TailPath::folded,
                          device.is_cpu() ? "" : kernels::device_name(device.index()));
}

// A short run says little about the card, and the products would take longer than the training did.
constexpr double kWorthMeasuring = 20;  // seconds of GPU readings

void say_use(RunLog& log, const GpuWatch& watch, const ArithmeticFacts& arithmetic, double samples_per_s,
             at::Device device) {
  const std::optional<GpuSummary> gpu = watch.summary();
  std::optional<double> matmul;
  if (gpu && static_cast<double>(gpu->samples) >= kWorthMeasuring) {
    const at::ScalarType type = arithmetic.precision == "bf16"   ? at::kBFloat16
                                : arithmetic.precision == "fp16" ? at::kHalf
                                                                 : at::kFloat;
    matmul = measured_matmul_tflops(device, type);
  }
  for (const Text& line : utilisation_lines(gpu, arithmetic, samples_per_s, matmul)) log.line(line);
}

// Keeps what is said before the run has a log, then passes it on. warn() may come from a loader's thread.
class Messages {
 public:
  void note(const Text& text) { add(text, false); }
  void warn(const Text& text) { add(text, true); }

  void attach(RunLog& log) {
    const std::scoped_lock lock(mutex_);
    log_ = &log;
    for (const auto& [text, warning] : kept_) pass_on(text, warning);
    kept_.clear();
  }

 private:
  void add(const Text& text, bool warning) {
    const std::scoped_lock lock(mutex_);
    if (log_ == nullptr) {
      kept_.emplace_back(text, warning);
    } else {
      pass_on(text, warning);
    }
  }
  void pass_on(const Text& text, bool warning) {
    if (warning) {
      log_->warn(text);
    } else {
      log_->line(text);
    }
  }

  std::mutex mutex_;
  RunLog* log_ = nullptr;
  std::vector<std::pair<Text, bool>> kept_;
};

// Finds and decodes the images while the engine is made: reading files and starting CUDA have nothing in common.
class ImagesInParallel {
 public:
  ImagesInParallel(const TrainConfig& config, TrainingDataOptions options)
      : images_(std::async(std::launch::async, [this, &config, options = std::move(options)]() mutable {
          options.cancelled = [this, asked = std::move(options.cancelled)] { return given_up_ || asked(); };
          return open_training_images(config, options);
        })) {}
  ~ImagesInParallel() { given_up_ = true; }

  TrainingImages take() {
    try {
      return images_.get();
    } catch (const Error& error) {
      if (error.code() == ErrorCode::interrupted) stopped_before_the_start();
      throw;
    }
  }

 private:
  std::atomic<bool> given_up_{false};  // when the engine could not be made
  std::future<TrainingImages> images_;
};

// What several ranks change for the user, who wrote a batch size for one GPU.
void say_ranks(Messages& messages, const TrainConfig& config, const Ranks& ranks) {
  if (ranks.alone()) return;
  const std::int64_t own = config.batch_size * config.gradient_accumulation_steps;
  const double factor = std::sqrt(static_cast<double>(ranks.size()));  // the rule for Adam and its kin
  messages.note(
      {"ranks: {}; global batch {} (batch_size is per rank). A lr found on one rank is by rule of thumb {:.2f} "
       "times as large for this batch: lr {:.3g} would become {:.3g}; it is used as it is",
       "进程数：{}；全局批量 {}（batch_size 为每进程）。按经验，单进程下调好的 lr 应乘以 {:.2f}："
       "{:.3g} → {:.3g}；此处按原值使用",
       ranks.size(), own * ranks.size(), factor, config.lr, config.lr * factor});
}

// Weights that have come or gone since the run began make another loss of the same configuration.
void compare_vgg(const TrainConfig& config, Progress& progress, Messages& messages) {
  if (!config.use_perceptual) return;
  const std::int64_t now = find_vgg_weights(config).file.empty() ? 1 : 0;
  const std::int64_t before = std::exchange(progress.random_vgg, now);
  if (before == -1 || before == now) return;
  messages.warn(now == 0
                    ? Text("this run was begun with a VGG-19 of random weights and goes on with trained ones: another "
                           "loss; perceptual_weights_file: random goes on as it was begun",
                           "此训练开始时使用随机权重的 VGG-19，现改用训练好的权重，损失因此不同；若要保持不变，请设置 "
                           "perceptual_weights_file: random")
                    : Text("this run was begun with trained weights of VGG-19 and goes on with random ones: another "
                           "loss; perceptual_weights_file names the file",
                           "此训练开始时使用训练好的 VGG-19 权重，现改用随机权重，损失因此不同；请用 "
                           "perceptual_weights_file 指定权重文件"));
}

// A state of an earlier version: its weights are as good, but a step does not show what it would have shown there.
void say_other_samples(Messages& messages, const Progress& progress) {
  if (progress.sampling == kSamplingVersion || progress.step == 0) return;
  messages.note(
      {"the state is of an earlier version of wring, which drew other samples: from here on every step shows "
       "those of this version, as in a run that was started with it",
       "该状态由较早版本的 wring 保存，其采样方式不同：从此处起每步使用本版本的样本，与由本版本开始的训练相同"});
}

// What every stage of a start needs.
struct Start {
  const TrainOptions& options;
  const TrainConfig& config;
  at::Device device;
  Ranks& ranks;
  StartupClock& startup;
  const StopSignal& stop;
  std::string name = experiment_name(config, options.config);
  Messages messages{};
};

TrainingDataOptions data_options(Start& start) {
  TrainingDataOptions data;
  data.device = start.device;
  data.place = start.ranks.place();
  data.common = start.options.common;
  data.common.quiet = data.common.quiet || !start.ranks.leads();
  data.cancelled = [&start] { return start.stop.requested(); };
  data.note = [&start](const Text& text) { start.messages.note(text); };
  data.warn = [&start](const Text& text) { start.messages.warn(text); };
  return data;
}

// The run to go on with. Rank 0 looks for all: the others may not see its disk.
std::optional<Experiment> find_earlier(const Start& start) {
  // A launcher that starts the ranks again after a fault (torchrun --max-restarts) wants them to go on.
  const bool wanted = start.options.resume || start.ranks.place().attempt > 0;
  return start.ranks.leads() && wanted ? find_experiment(start.options.experiments, start.name) : std::nullopt;
}

// Where the run stands, and on what: the same on every rank.
struct ReadyEngine {
  std::unique_ptr<StepEngine> engine;
  Progress progress;
  RunFacts earlier_facts;
};

ReadyEngine make_engine(Start& start, const std::optional<Experiment>& earlier, bool resuming) {
  const TrainConfig& config = start.config;
  const auto note = [&start](const Text& text) { start.messages.note(text); };
  const auto warn = [&start](const Text& text) { start.messages.warn(text); };
  const EdsrShape shape{config.base_channels, config.num_blocks, config.scale_factor};
  ReadyEngine ready;
  ready.engine =
      make_step_engine(config, Edsr(shape, static_cast<std::uint64_t>(config.seed)), start.device, note, start.ranks);
  LoadedState loaded = earlier ? load_earlier(*earlier, *ready.engine, warn) : LoadedState();
  ready.progress = loaded.progress;
  ready.earlier_facts = std::move(loaded.facts);
  compare_vgg(config, ready.progress, start.messages);
  share_state(start.ranks, *ready.engine, ready.progress);
  if (resuming) {
    note({"resuming at step {}", "从第 {} 步继续", ready.progress.step});
    say_other_samples(start.messages, ready.progress);
  }
  const std::string device = describe(start.device);
  note({"device: {}; engine: {}; network: EDSR {}×{}, ×{}", "设备：{}；引擎：{}；网络：EDSR {}×{}，×{}", device,
        ready.engine->name(), config.base_channels, config.num_blocks, config.scale_factor});
  say_ranks(start.messages, config, start.ranks);
  return ready;
}

struct ReadyRun : ReadyEngine {
  TrainingData data;
  RunFacts facts;
};

// Everything that can be wrong with the config or the data comes to light before a folder is touched: a failed start
// must not move an earlier run out of its place.
ReadyRun make_ready(Start& start, const std::optional<Experiment>& earlier, bool resuming) {
  const TrainConfig& config = start.config;
  const TrainingDataOptions options = data_options(start);
  ImagesInParallel images_in_parallel(config, options);
  const auto engine_began = SteadyClock::now();
  ReadyRun ready{make_engine(start, earlier, resuming), {}, {}};
  const double engine_s = seconds_since(engine_began);
  TrainingImages images = images_in_parallel.take();
  if (start.ranks.any(start.stop.requested())) stopped_before_the_start();
  require_equal_start(start.ranks, images, ready.engine->name());
  ready.facts = run_facts(config, images, start.ranks.size());
  for (const Text& change : changed_facts(ready.earlier_facts, ready.facts)) start.messages.note(change);
  if (!images.on_device) check_loader_memory(config, available_memory_bytes());
  start.startup.add({"data", "数据"}, images.seconds);
  start.startup.add({"engine", "引擎"}, engine_s);
  ready.data =
      start_loading(std::move(images), config, options, ready.progress.step * config.gradient_accumulation_steps);
  if (ready.data.on_device) ready.engine->use_images(ready.data.on_device, ready.data.samples);
  return ready;
}

// What rank 0 says when the steps are done, and the exit code.
int end_run(const Start& start, const Trainer& trainer, RunEnd end, const StepEngine& engine, Checkpoints& checkpoints,
            RunLog& log, const Experiment& experiment) {
  std::vector<Text> missing = checkpoints.missing(engine, trainer.progress());
  for (Text& records : log.unwritten()) missing.push_back(std::move(records));
  const std::string resume = resume_command(start.options, start.config, experiment);
  refuse_missing(missing, checkpoints, trainer.progress(), resume);
  say_end(log, end, trainer.progress(), checkpoints, resume);
  return end == RunEnd::interrupted ? static_cast<int>(ErrorCode::interrupted) : 0;
}

// From the first step to the last.
int run_steps(Start& start, ReadyRun& ready, bool owes_validation, Checkpoints& checkpoints, RunLog& log,
              const Experiment& experiment) {
  const GpuWatch watch(start.device.is_cpu() ? nullptr : telemetry_of(start.device.index()));
  const ArithmeticFacts arithmetic = facts_of(start.config, start.device);
  Trainer trainer({start.config, start.device, *ready.engine, std::move(ready.data), experiment, ready.progress, log,
                   checkpoints, watch, arithmetic, start.ranks});
  const double before_training_s = start.startup.since_start_s();
  trainer.on_first_step([&] {
    StartupClock& startup = start.startup;
    if (owes_validation) startup.add({"validation", "验证"}, trainer.validation_s());
    startup.add({"step", "训练步"}, startup.since_start_s() - before_training_s - trainer.validation_s());
    log.line(startup.summary());
    return startup.since_start_s();
  });
  const RunEnd end = trainer.run(start.stop);
  if (!start.ranks.leads()) return end == RunEnd::interrupted ? static_cast<int>(ErrorCode::interrupted) : 0;
  say_use(log, watch, arithmetic, trainer.samples_per_s() / start.ranks.size(), start.device);
  return end_run(start, trainer, end, *ready.engine, checkpoints, log, experiment);
}

int train(Start& start, const std::vector<Text>& notes) {
  const TrainConfig& config = start.config;
  Ranks& ranks = start.ranks;
  const std::optional<Experiment> earlier = find_earlier(start);
  const bool resuming = ranks.any(earlier.has_value());
  if (resuming) ranks.saved();
  for (const Text& note : notes) start.messages.note(note);
  if (start.options.resume && !resuming) {
    start.messages.note({"nothing to resume yet: starting a new run", "没有可继续的训练：重新开始"});
  }
  ReadyRun ready = make_ready(start, earlier, resuming);

  std::filesystem::path archived_to;
  const Experiment experiment = earlier         ? *earlier
                                : ranks.leads() ? make_experiment(start.options.experiments, start.name, archived_to)
                                                : Experiment();
  const bool owes_validation = ready.data.validation && validation_due(ready.progress, config);
  RunLog log = ranks.leads()
                   ? RunLog(experiment, ready.progress.step, owes_validation, config.total_iters, start.options.common)
                   : RunLog();
  if (!archived_to.empty()) {
    log.line({"the earlier run of this name is kept as " + archived_to.string(),
              "同名的旧实验已保留为 " + archived_to.string()});
  }
  start.messages.attach(log);
  // The trainer writes it again when batches do not fit.
  if (ranks.leads()) write_file_atomically(*experiment.folder, Experiment::kConfig, to_yaml(config));

  Checkpoints checkpoints(experiment, config.keep_checkpoints, std::move(ready.facts), log);
  if (ranks.leads()) {
    if (resuming) {
      checkpoints.agree_with(*ready.engine, ready.progress);
    } else {
      checkpoints.begin(*ready.engine, ready.progress);
    }
  }
  share_state(ranks, *ready.engine, ready.progress);  // once more: the best network may be gone
  ranks.saved();
  if (ready.progress.step >= config.total_iters && !owes_validation) {
    say_nothing_to_do(log, ready.progress, config);
    return 0;
  }
  return run_steps(start, ready, owes_validation, checkpoints, log, experiment);
}

}  // namespace

int train_command(const TrainOptions& options) {
  StartupClock startup;
  const StopSignal stop;
  std::signal(SIGPIPE, SIG_IGN);  // the end of a `tee` that shows the messages is no reason to end the training
  const RunConfig config = load_config(options);
  set_cublas_workspaces(config.values.base_channels);
  const auto [device, ranks] = start_ranks(options.device, config.values, options.common);
  return run_in_ranks(*ranks, [&, &device = device, &ranks = ranks] {
    Start start{options, config.values, device, *ranks, startup, stop};
    return train(start, config.notes);
  });
}

}  // namespace wring

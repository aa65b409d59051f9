#include "wring_train/run/trainer.h"

#include <chrono>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include <ATen/DeviceAccelerator.h>

#include "wring/base/error.h"
#include "wring/base/files.h"
#include "wring/config/reader.h"
#include "wring_train/engine/device.h"
#include "wring_train/engine/schedule.h"
#include "wring_train/run/rank_times.h"
#include "wring_train/run/shared_state.h"
#include "wring_train/run/stop_vote.h"

namespace wring {
namespace {

double now_s() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Full HR images do not fit where training patches do; LR tiles of this side keep validation's memory small.
constexpr int kValidationTile = 256;
constexpr int kSmallestValidationTile = 32;

}  // namespace

Trainer::Trainer(const TrainConfig& config, at::Device device, StepEngine& engine, TrainingData data,
                 Experiment experiment, Progress progress, RunLog& log, const GpuWatch& watch,
                 ArithmeticFacts arithmetic, Ranks& ranks)
    : config_(config),
      device_(device),
      engine_(engine),
      data_(std::move(data)),
      experiment_(std::move(experiment)),
      progress_(progress),
      log_(log),
      watch_(watch),
      arithmetic_(std::move(arithmetic)),
      ranks_(ranks),
      validation_tile_(kValidationTile) {
  if (data_.validation) validator_.emplace(std::move(*data_.validation), static_cast<int>(config_.scale_factor));
}

RunEnd Trainer::run(const StopSignal& stop) {
  if (config_.batch_size % progress_.parts != 0) progress_.parts = 1;  // resumed with another batch_size
  if (progress_.parts > 1) cut_batches();
  clock_s_ = now_s();
  RunEnd end = RunEnd::finished;
  std::int64_t saved_at = progress_.step;
  StopVote vote(stop, ranks_);
  while (progress_.step < config_.total_iters) {
    train_one_step();
    const bool last = progress_.step == config_.total_iters;
    if (progress_.step % config_.log_freq == 0 || last) write_metrics();
    if (validator_ && (progress_.step % config_.val_freq == 0 || last)) validate();
    if (config_.early_stopping_patience > 0 && progress_.validations_without_gain >= config_.early_stopping_patience) {
      end = RunEnd::early_stop;
      break;
    }
    if (!last && vote.stop_after(progress_.step)) {
      end = RunEnd::interrupted;
      break;
    }
    if (progress_.step % config_.checkpoint_freq == 0 && !last) {
      save();
      saved_at = progress_.step;
    }
  }
  if (saved_at != progress_.step || ranks_.any(ranks_.leads() && !std::filesystem::exists(experiment_.last()))) save();
  log_.finish();
  return end;
}

void Trainer::train_one_step() {
  const double before = now_s();
  std::vector<Batch> batches;
  for (std::int64_t i = 0; i < config_.gradient_accumulation_steps; ++i) {
    batches.push_back(data_.loader->next());
    samples_ += std::int64_t{batches.back().size} * ranks_.size();
  }
  wait_s_ += now_s() - before;
  for (bool done = false; !done;) {
    std::vector<Batch> micro_batches;
    for (const Batch& batch : batches) {
      for (Batch& part : split(batch, static_cast<int>(progress_.parts))) micro_batches.push_back(std::move(part));
    }
    try {
      engine_.step(micro_batches, learning_rate(config_, progress_.step));
      done = true;
    } catch (const DeviceMemoryError& error) {
      step_down(error);
    }
  }
  ++progress_.step;
  ranks_.advance();
  if (first_step_done_) {
    synchronize(device_);
    startup_s_ = std::exchange(first_step_done_, nullptr)();
    ranks_.wait_for_all();
    ranks_.expect_slow(false);
  }
  log_.progress(progress_.step, fields());
}

// The config as it runs: batches are cut by progress_.parts.
TrainConfig Trainer::config_in_use() const {
  TrainConfig used = config_;
  used.batch_size /= progress_.parts;
  used.gradient_accumulation_steps *= progress_.parts;
  return used;
}

// Writes the config down as it runs now, and has the device draw the samples of micro-batches, where it draws them.
void Trainer::cut_batches() {
  if (ranks_.leads()) write_file_atomically(experiment_.config(), to_yaml(config_in_use()));
  if (!data_.on_device) return;
  SamplerSettings settings = data_.loader->sampler();
  settings.parts = static_cast<std::int32_t>(progress_.parts);
  settings.batch_size /= settings.parts;
  engine_.use_images(data_.on_device, settings);
}

void Trainer::step_down(const DeviceMemoryError& error) {
  const std::int64_t cut = next_cut(config_.batch_size / progress_.parts);
  if (cut == 1) throw error;
  progress_.parts *= cut;
  cut_batches();
  const TrainConfig used = config_in_use();
  const Text& what = error.message();
  log_.warn(Text(fmt::format("{}; step {} goes on with batch_size {} and gradient_accumulation_steps {} (the same "
                             "samples a step). Set these two in the config, or measure: wring benchmark",
                             what.en, progress_.step + 1, used.batch_size, used.gradient_accumulation_steps),
                 fmt::format("{}；第 {} 步起改用 batch_size {}、gradient_accumulation_steps {}（每步样本不变）。"
                             "请在配置中设置这两项，或运行 wring benchmark 测量",
                             what.zh, progress_.step + 1, used.batch_size, used.gradient_accumulation_steps)));
}

std::vector<std::string> Trainer::fields() const {
  const double elapsed = std::max(1e-9, now_s() - clock_s_);
  std::vector<std::string> fields{fmt::format("{:.0f} samples/s", static_cast<double>(samples_) / elapsed)};
  if (const auto util = watch_.latest(Metric::gpu_util)) fields.push_back(fmt::format("GPU {:.0f}%", *util));
  if (last_loss_) fields.push_back(fmt::format("loss {:.5f}", *last_loss_));
  if (last_psnr_) fields.push_back(fmt::format("PSNR {:.2f} dB", *last_psnr_));
  fields.push_back(fmt::format("data wait {:.0f}%", 100 * wait_s_ / elapsed));
  return fields;
}

void Trainer::check_finite(double loss) const {
  if (std::isfinite(loss)) return;
  throw Error(ErrorCode::failed,
              fmt::format("the loss is {} at step {}: training has become unstable", loss, progress_.step),
              fmt::format("lower lr (now {}), set grad_clip: 1.0 or warmup_iters: 500; the checkpoint before is kept",
                          config_.lr));
}

void Trainer::write_metrics() {
  const StepReport report = engine_.report();
  check_finite(report.loss);
  last_loss_ = report.loss;
  const double elapsed = now_s() - clock_s_;
  const double samples_per_s = static_cast<double>(samples_) / elapsed;
  const RankTimes rank_times =
      compare_ranks(ranks_, {wait_s_ / elapsed, static_cast<double>(peak_memory_mib(device_))});
  std::vector<std::pair<std::string, double>> values{
      {"loss", report.loss},
      {"lr", learning_rate(config_, progress_.step - 1)},
      {"grad_norm", report.gradient_norm},
      {"samples_per_s", samples_per_s},
      {"data_wait_share", rank_times.data_wait_share},
      {"epoch", static_cast<double>(progress_.step * config_.gradient_accumulation_steps) /
                    static_cast<double>(data_.loader->steps_per_epoch())},
      {"peak_memory_mib", rank_times.peak_memory_mib},
      {"tflops", arithmetic_.flops_per_sample * samples_per_s / 1e12}};
  if (progress_.parts > 1) {
    values.emplace_back("micro_batch", static_cast<double>(config_.batch_size / progress_.parts));
  }
  for (const auto& value : rank_times.metrics()) values.push_back(value);
  if (startup_s_) values.emplace_back("startup_s", *std::exchange(startup_s_, std::nullopt));
  if (const auto mfu = mfu_percent(arithmetic_, samples_per_s)) values.emplace_back("mfu_percent", *mfu);
  for (const auto& value : watch_.latest_metrics()) values.push_back(value);
  log_.metrics(progress_.step, values);
  log_.progress_line(progress_.step, fields());
  training_s_ += elapsed;
  trained_samples_ += samples_;
  wait_s_ = 0;
  samples_ = 0;
  clock_s_ = now_s();
}

// With smaller tiles where the ones so far do not fit beside the training.
Score Trainer::validation_score() {
  while (true) {
    try {
      return (*validator_)(
          Upscaler(engine_.averaged(), device_, config_.channels_last, validation_tile_, tail_path(config_)), ranks_);
    } catch (const c10::OutOfMemoryError&) {
      if (validation_tile_ == kSmallestValidationTile) throw;
    }
    if (!device_.is_cpu()) at::accelerator::emptyCache();
    validation_tile_ /= 2;
    log_.warn(
        Text(fmt::format("validation does not fit into the memory beside the training: it goes on in tiles of {} LR "
                         "pixels",
                         validation_tile_),
             fmt::format("显存不足以在训练的同时验证：改用边长 {} 个 LR 像素的分块", validation_tile_)));
  }
}

void Trainer::validate() {
  const SlowPart slow(ranks_);
  const double began = now_s();
  const Score mean = validation_score();
  last_psnr_ = mean.psnr_y;
  const bool gained = mean.psnr_y > progress_.best_psnr + config_.early_stopping_min_delta;
  progress_.validations_without_gain = gained ? 0 : progress_.validations_without_gain + 1;
  if (mean.psnr_y > progress_.best_psnr) {
    progress_.best_psnr = mean.psnr_y;
    progress_.best_step = progress_.step;
    if (ranks_.leads()) save_network(experiment_.best(), engine_.averaged(), progress_.step);
  }
  log_.metrics(progress_.step, {{"val_psnr_y", mean.psnr_y}, {"val_ssim_y", mean.ssim_y}});
  log_.line(Text(
      fmt::format("step {}: validation PSNR-Y {:.3f} dB, SSIM {:.4f} (best {:.3f} at step {}), {:.1f} s",
                  progress_.step, mean.psnr_y, mean.ssim_y, progress_.best_psnr, progress_.best_step, now_s() - began),
      fmt::format("第 {} 步: 验证 PSNR-Y {:.3f} dB, SSIM {:.4f} (最佳 {:.3f}, 第 {} 步), {:.1f} 秒", progress_.step,
                  mean.psnr_y, mean.ssim_y, progress_.best_psnr, progress_.best_step, now_s() - began)));
  clock_s_ += now_s() - began;  // validation is not training time
}

void Trainer::save() {
  // A network full of NaN must never replace a good one.
  const StepReport report = engine_.report();
  if (report.steps > 0) check_finite(report.loss);
  const SlowPart slow(ranks_);
  check_equal_state(ranks_, engine_);
  if (!ranks_.leads()) return;
  save_network(experiment_.last(), engine_.averaged(), progress_.step);
  if (!validator_) save_network(experiment_.best(), engine_.averaged(), progress_.step);
  save_run_state(experiment_.state(), engine_, progress_);
}

}  // namespace wring

#include "wring_train/train/trainer.h"

#include <algorithm>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include <ATen/DeviceAccelerator.h>

#include "wring/base/clock.h"
#include "wring/config/reader.h"
#include "wring_train/engine/device.h"
#include "wring_train/engine/schedule.h"
#include "wring_train/train/rank_agreement.h"
#include "wring_train/train/shared_stop.h"

namespace wring {
namespace {

constexpr int kSmallestValidationTile = 32;

// By how much clipping shortens a gradient, as the engines do it.
double clip_factor(double grad_clip, double norm) {
  return std::min(grad_clip / (norm + 1e-6), 1.0);
}

}  // namespace

bool validation_due(const Progress& progress, const TrainConfig& config) {
  const bool wanted = progress.step % config.val_freq == 0 || progress.step == config.total_iters;
  return progress.step > 0 && wanted && progress.validated_step < progress.step;
}

Trainer::Trainer(TrainSetup setup)
    : config_(setup.config),
      device_(setup.device),
      engine_(setup.engine),
      data_(std::move(setup.data)),
      experiment_(std::move(setup.experiment)),
      progress_(setup.progress),
      log_(setup.log),
      checkpoints_(setup.checkpoints),
      watch_(setup.watch),
      arithmetic_(std::move(setup.arithmetic)),
      ranks_(setup.ranks),
      recovery_({config_, engine_, data_, experiment_, progress_, log_, checkpoints_, ranks_}),
      validation_tile_(kValidationTile),
      saved_validation_(progress_.validated_step) {
  if (ranks_.leads()) folder_watch_.emplace(experiment_, checkpoints_, log_);
  if (data_.validation) validator_.emplace(std::move(*data_.validation), static_cast<int>(config_.scale_factor));
}

RunEnd Trainer::run(const StopSignal& stop) {
  recovery_.begin();
  window_.begin();
  std::optional<RunEnd> end = validate_what_is_owed(stop);
  StepVote votes(stop, ranks_);
  while (!end && progress_.step < config_.total_iters) {
    if (ranks_.alone() && stop.requested()) {
      end = RunEnd::interrupted;
      break;
    }
    train_one_step();
    const StepVote::Outcome vote = votes.after(progress_.step, recovery_.unstable());
    if (vote.unstable) {
      recovery_.roll_back();
      save();
      continue;
    }
    end = after_step(vote.stop, stop);
  }
  const bool saved = checkpoints_.saved_step() == progress_.step && saved_validation_ == progress_.validated_step;
  if (ranks_.any(ranks_.leads() && !saved)) save();
  log_.finish();
  return end.value_or(RunEnd::finished);
}

// A run that was stopped in a validation, or killed after the checkpoint before it, begins with that validation.
std::optional<RunEnd> Trainer::validate_what_is_owed(const StopSignal& stop) {
  if (!validator_ || !validation_due(progress_, config_)) return std::nullopt;
  const bool done = validate(stop);
  ranks_.enter(RankPhase::starting);  // the first step is still to come
  return done ? std::nullopt : std::optional(RunEnd::interrupted);
}

// What a step is followed by. A validation takes long: what is due to be saved is on disk before it.
std::optional<RunEnd> Trainer::after_step(bool stop_wanted, const StopSignal& stop) {
  const bool last = progress_.step == config_.total_iters;
  const bool validates = validator_ && validation_due(progress_, config_);
  if (progress_.step % config_.log_freq == 0 || last) write_metrics();
  if (stop_wanted && (validates || !last)) return RunEnd::interrupted;
  if (last ? validates : progress_.step % config_.checkpoint_freq == 0) save();
  if (validates && !validate(stop)) return RunEnd::interrupted;
  if (config_.early_stopping_patience > 0 && progress_.validations_without_gain >= config_.early_stopping_patience) {
    return RunEnd::early_stop;
  }
  return std::nullopt;
}

void Trainer::train_one_step() {
  const double before = steady_seconds();
  std::vector<Batch> batches;
  for (std::int64_t i = 0; i < config_.gradient_accumulation_steps; ++i) {
    batches.push_back(data_.loader->next());
    window_.add_samples(std::int64_t{batches.back().size} * ranks_.size());
  }
  window_.add_wait(steady_seconds() - before);
  recovery_.step(batches, step_learning_rate(progress_.step));
  ++progress_.step;
  ranks_.advance();
  if (first_step_done_) {
    synchronize(device_);
    startup_s_ = std::exchange(first_step_done_, nullptr)();
    ranks_.wait_for_all();
    ranks_.enter(RankPhase::training);
  }
  log_.progress(progress_.step, fields());
}

std::vector<std::string> Trainer::fields() const {
  const MetricsWindow::Rates rates = window_.rates();
  std::vector<std::string> fields{fmt::format("{:.0f} samples/s", rates.samples_per_s)};
  if (const auto util = watch_.latest(Metric::gpu_util)) fields.push_back(fmt::format("GPU {:.0f}%", *util));
  if (last_loss_) fields.push_back(fmt::format("loss {:.5f}", *last_loss_));
  if (last_psnr_) fields.push_back(fmt::format("PSNR {:.2f} dB", *last_psnr_));
  fields.push_back(fmt::format("data wait {:.0f}%", 100 * rates.wait_share));
  return fields;
}

double Trainer::step_learning_rate(std::int64_t step) const {
  return learning_rate(config_, step) * progress_.lr_factor;
}

void Trainer::look_after_folder() {
  if (!folder_watch_ || folder_watch_->look()) return;
  const SlowPart slow(ranks_);
  stop_without_folder(experiment_, checkpoints_, engine_, progress_, to_yaml(recovery_.config_in_use()), !validator_);
}

void Trainer::write_metrics() {
  look_after_folder();
  const StepReport report = recovery_.report();
  const double loss = progress_.window_good > 0 ? progress_.window_loss / static_cast<double>(progress_.window_good)
                                                : std::numeric_limits<double>::quiet_NaN();
  last_loss_ = loss;
  const MetricsWindow::Rates rates = window_.rates();
  const RankTimes rank_times = compare_ranks(ranks_, {rates.wait_share, static_cast<double>(peak_memory_mib(device_))});
  std::vector<std::pair<std::string, double>> values{
      {"loss", loss},
      {"lr", step_learning_rate(progress_.step - 1)},
      {"grad_norm", report.gradient_norm},
      {"skipped_steps", static_cast<double>(progress_.skipped_steps)},
      {"samples_per_s", rates.samples_per_s},
      {"data_wait_share", rank_times.data_wait_share},
      {"epoch", data_.loader->epochs_before(progress_.step * config_.gradient_accumulation_steps)},
      {"peak_memory_mib", rank_times.peak_memory_mib},
      {"tflops", arithmetic_.flops_per_sample * rates.samples_per_s / 1e12}};
  if (config_.grad_clip > 0) values.emplace_back("clip_factor", clip_factor(config_.grad_clip, report.gradient_norm));
  if (report.loss_scale) values.emplace_back("loss_scale", *report.loss_scale);
  if (progress_.parts > 1) {
    values.emplace_back("micro_batch", static_cast<double>(config_.batch_size / progress_.parts));
  }
  for (const auto& value : rank_times.metrics()) values.push_back(value);
  if (startup_s_) values.emplace_back("startup_s", *std::exchange(startup_s_, std::nullopt));
  if (const auto mfu = mfu_percent(arithmetic_, rates.samples_per_s)) values.emplace_back("mfu_percent", *mfu);
  for (const auto& value : watch_.latest_metrics()) values.push_back(value);
  log_.metrics(progress_.step, values);
  log_.progress_line(progress_.step, fields());
  progress_.window_loss = 0;
  progress_.window_good = 0;
  window_.close(rates);
}

// With smaller tiles where the ones so far do not fit beside the training. Nothing where a signal ended it.
std::optional<Score> Trainer::validation_score(const StopSignal& stop) {
  SharedStop shared_stop(stop, ranks_);
  while (true) {
    try {
      Upscaler upscale(engine_.averaged(), device_, config_.channels_last, validation_tile_, tail_path(config_));
      return (*validator_)(upscale, shared_stop, ranks_);
    } catch (const c10::OutOfMemoryError&) {
      if (validation_tile_ == kSmallestValidationTile) throw;
    }
    if (!device_.is_cpu()) at::accelerator::emptyCache();
    validation_tile_ /= 2;
    log_.warn(
        Text("validation does not fit into the memory beside the training: it goes on in tiles of {} LR "
             "pixels",
             "显存不足以在训练的同时验证：改用边长 {} 个 LR 像素的分块", validation_tile_));
  }
}

// Whether it was done; false where a signal ended it.
bool Trainer::validate(const StopSignal& stop) {
  const SlowPart slow(ranks_, RankPhase::validating);
  const double began = steady_seconds();
  const std::optional<Score> mean = validation_score(stop);
  if (mean) {
    keep_score(*mean, steady_seconds() - began);
  } else {
    log_.line({"step {}: the validation was given up, since the run is to stop; resuming begins with it",
               "第 {} 步: 收到停止信号，放弃本次验证；继续训练时先补做", progress_.step});
  }
  const double seconds = steady_seconds() - began;
  validation_s_ += seconds;
  window_.leave_out(seconds);
  return mean.has_value();
}

void Trainer::keep_score(const Score& mean, double seconds) {
  last_psnr_ = mean.psnr_y;
  progress_.validated_step = progress_.step;
  const bool gained = mean.psnr_y > progress_.best_psnr + config_.early_stopping_min_delta;
  progress_.validations_without_gain = gained ? 0 : progress_.validations_without_gain + 1;
  if (mean.psnr_y > progress_.best_psnr) {
    progress_.best_psnr = mean.psnr_y;
    progress_.best_step = progress_.step;
    if (ranks_.leads()) checkpoints_.save_best(engine_.averaged(), progress_.step);
  }
  log_.metrics(progress_.step, {{kValidationScore, mean.psnr_y}, {"val_ssim_y", mean.ssim_y}});
  log_.line(Text("step {}: validation PSNR-Y {:.3f} dB, SSIM {:.4f} (best {:.3f} at step {}), {:.1f} s",
                 "第 {} 步: 验证 PSNR-Y {:.3f} dB, SSIM {:.4f} (最佳 {:.3f}, 第 {} 步), {:.1f} 秒", progress_.step,
                 mean.psnr_y, mean.ssim_y, progress_.best_psnr, progress_.best_step, seconds));
}

// Nothing while steps are being skipped: the checkpoint to go back to must be from before.
void Trainer::save() {
  const StepReport report = recovery_.report();
  if (report.unstable_in_row > 0 && progress_.step < config_.total_iters) return;
  const SlowPart slow(ranks_);
  look_after_folder();
  check_equal_state(ranks_, engine_);
  if (!ranks_.leads()) return;
  checkpoints_.save(engine_, progress_, !validator_);
  saved_validation_ = progress_.validated_step;
}

}  // namespace wring

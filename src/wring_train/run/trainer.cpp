#include "wring_train/run/trainer.h"

#include <chrono>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "wring/base/error.h"
#include "wring_train/engine/device.h"
#include "wring_train/engine/schedule.h"

namespace wring {
namespace {

double now_s() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Full HR images do not fit where training patches do; LR tiles of this side keep validation's memory small.
constexpr int kValidationTile = 256;

}  // namespace

Trainer::Trainer(const TrainConfig& config, at::Device device, StepEngine& engine, TrainingData data,
                 Experiment experiment, Progress progress, RunLog& log)
    : config_(config),
      device_(device),
      engine_(engine),
      data_(std::move(data)),
      experiment_(std::move(experiment)),
      progress_(progress),
      log_(log) {
  if (data_.validation) validator_.emplace(std::move(*data_.validation), static_cast<int>(config_.scale_factor));
}

RunEnd Trainer::run(const StopSignal& stop) {
  clock_s_ = now_s();
  RunEnd end = RunEnd::finished;
  std::int64_t saved_at = progress_.step;
  while (progress_.step < config_.total_iters) {
    train_one_step();
    const bool last = progress_.step == config_.total_iters;
    if (progress_.step % config_.log_freq == 0 || last) write_metrics();
    if (validator_ && (progress_.step % config_.val_freq == 0 || last)) validate();
    if (config_.early_stopping_patience > 0 && progress_.validations_without_gain >= config_.early_stopping_patience) {
      end = RunEnd::early_stop;
      break;
    }
    if (stop.requested() && !last) {
      end = RunEnd::interrupted;
      break;
    }
    if (progress_.step % config_.checkpoint_freq == 0 && !last) {
      save();
      saved_at = progress_.step;
    }
  }
  if (saved_at != progress_.step || !std::filesystem::exists(experiment_.last())) save();
  log_.finish();
  return end;
}

void Trainer::train_one_step() {
  const double before = now_s();
  std::vector<Batch> micro_batches;
  for (std::int64_t i = 0; i < config_.gradient_accumulation_steps; ++i) {
    micro_batches.push_back(data_.loader->next());
    samples_ += micro_batches.back().size;
  }
  wait_s_ += now_s() - before;
  engine_.step(micro_batches, learning_rate(config_, progress_.step));
  ++progress_.step;
  if (first_step_done_) {
    synchronize(device_);
    startup_s_ = std::exchange(first_step_done_, nullptr)();
  }
  log_.progress(progress_.step, fields());
}

std::vector<std::string> Trainer::fields() const {
  const double elapsed = std::max(1e-9, now_s() - clock_s_);
  std::vector<std::string> fields{fmt::format("{:.0f} samples/s", static_cast<double>(samples_) / elapsed)};
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
  std::vector<std::pair<std::string, double>> values{
      {"loss", report.loss},
      {"lr", learning_rate(config_, progress_.step - 1)},
      {"grad_norm", report.gradient_norm},
      {"samples_per_s", static_cast<double>(samples_) / elapsed},
      {"data_wait_share", wait_s_ / elapsed},
      {"epoch", static_cast<double>(progress_.step * config_.gradient_accumulation_steps) /
                    static_cast<double>(data_.loader->steps_per_epoch())},
      {"peak_memory_mib", static_cast<double>(peak_memory_mib(device_))}};
  if (startup_s_) values.emplace_back("startup_s", *std::exchange(startup_s_, std::nullopt));
  log_.metrics(progress_.step, values);
  log_.progress_line(progress_.step, fields());
  wait_s_ = 0;
  samples_ = 0;
  clock_s_ = now_s();
}

void Trainer::validate() {
  const double began = now_s();
  const Score mean =
      (*validator_)(Upscaler(engine_.averaged(), device_, config_.channels_last, kValidationTile, tail_path(config_)));
  last_psnr_ = mean.psnr_y;
  const bool gained = mean.psnr_y > progress_.best_psnr + config_.early_stopping_min_delta;
  progress_.validations_without_gain = gained ? 0 : progress_.validations_without_gain + 1;
  if (mean.psnr_y > progress_.best_psnr) {
    progress_.best_psnr = mean.psnr_y;
    progress_.best_step = progress_.step;
    save_network(experiment_.best(), engine_.averaged(), progress_.step);
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
  save_network(experiment_.last(), engine_.averaged(), progress_.step);
  if (!validator_) save_network(experiment_.best(), engine_.averaged(), progress_.step);
  save_run_state(experiment_.state(), engine_, progress_);
}

}  // namespace wring

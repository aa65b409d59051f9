#include "wring_train/train/recovery.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "wring/base/error.h"
#include "wring/config/reader.h"
#include "wring/files/files.h"
#include "wring_train/train/rank_agreement.h"

namespace wring {
namespace {

// One or two steps may go wrong by chance; the weights do not change by a skipped step, so that ten in a row will go on
// for ever.
constexpr std::int64_t kUnstableSteps = 10;
constexpr std::int64_t kRollbacks = 1;
constexpr double kRollbackSlowdown = 0.5;

Error still_unstable(std::int64_t steps, std::int64_t step, double lr) {
  return {ErrorCode::failed,
          {"training is unstable: loss or gradient was not finite in {} steps in a row up to step {}, also at "
           "half the learning rate",
           "训练不稳定：截至第 {1} 步，损失或梯度连续 {0} 步不是有限数，学习率减半后仍然如此", steps, step},
          {"the checkpoint before is kept. Start anew with a lower lr (it was {:g}), grad_clip: 1.0 or "
           "warmup_iters: 500; with amp_dtype fp16 take bf16; look for damaged or all-black images",
           "之前的检查点已保留。请降低 lr（当前 {:g}），设置 grad_clip: 1.0 或 warmup_iters: 500；"
           "若 amp_dtype 为 fp16 则改用 bf16；并检查图像是否损坏或全黑",
           lr}};
}

}  // namespace

void Recovery::begin() {
  if (run_.config.batch_size % run_.progress.parts != 0) run_.progress.parts = 1;  // resumed with another batch_size
  if (run_.progress.parts > 1) cut_batches();
}

void Recovery::step(std::span<const Batch> batches, double lr) {
  while (true) {
    std::vector<Batch> micro_batches;
    for (const Batch& batch : batches) {
      for (Batch& part : split(batch, static_cast<int>(run_.progress.parts))) micro_batches.push_back(std::move(part));
    }
    try {
      run_.engine.step(micro_batches, lr);
      return;
    } catch (const DeviceMemoryError& error) {
      step_down(error);
    }
  }
}

TrainConfig Recovery::config_in_use() const {
  TrainConfig used = run_.config;
  used.batch_size /= run_.progress.parts;
  used.gradient_accumulation_steps *= run_.progress.parts;
  return used;
}

void Recovery::step_down(const DeviceMemoryError& error) {
  const std::int64_t cut = next_cut(run_.config.batch_size / run_.progress.parts);
  if (cut == 1) throw error;
  run_.progress.parts *= cut;
  cut_batches();
  const TrainConfig used = config_in_use();
  const Text& what = error.message();
  run_.log.warn(
      {"{}; step {} goes on with batch_size {} and gradient_accumulation_steps {} (the same "
       "samples a step). Set these two in the config, or measure: wring benchmark",
       "{}；第 {} 步起改用 batch_size {}、gradient_accumulation_steps {}（每步样本不变）。"
       "请在配置中设置这两项，或运行 wring benchmark 测量",
       what, run_.progress.step + 1, used.batch_size, used.gradient_accumulation_steps});
}

// Writes the config down as it runs now, and has the device draw the samples of micro-batches, where it draws them.
void Recovery::cut_batches() {
  try {
    if (run_.ranks.leads()) {
      write_file_atomically(*run_.experiment.folder, Experiment::kConfig, to_yaml(config_in_use()));
    }
  } catch (const Error& error) {  // a record for the user: no reason to end the run
    run_.log.warn(error.message());
  }
  if (!run_.data.on_device) return;
  SamplerSettings samples = run_.data.samples;
  samples.parts = static_cast<std::int32_t>(run_.progress.parts);
  samples.batch_size /= samples.parts;
  run_.engine.use_images(run_.data.on_device, samples);
}

StepReport Recovery::report() {
  const StepReport report = run_.engine.report();
  Progress& progress = run_.progress;
  const std::int64_t good = report.steps - report.skipped;
  if (good > 0) progress.window_loss += report.loss * static_cast<double>(good);
  progress.window_good += good;
  progress.skipped_steps += report.skipped;
  if (progress.skipped_steps == reported_skips_) return report;
  const std::int64_t skips = progress.skipped_steps - reported_skips_;
  reported_skips_ = progress.skipped_steps;
  const std::string scale = report.loss_scale ? fmt::format("; loss scale {:g}", *report.loss_scale) : "";
  run_.log.warn(
      {"{} of the steps up to {} were skipped: their loss or gradient was not finite, and the weights "
       "are as before them ({} since the run began){}",
       "截至第 {1} 步跳过了 {0} 步：损失或梯度不是有限数，权重保持不变（本次训练共 {2} 步）{3}", skips, progress.step,
       progress.skipped_steps, scale});
  return report;
}

bool Recovery::unstable() const {
  return run_.engine.unstable_in_row() >= kUnstableSteps;
}

// The weights led into this, and the same samples at the same rate would again: back to where they were good, slower.
void Recovery::roll_back() {
  report();
  Progress& progress = run_.progress;
  if (progress.rollbacks >= kRollbacks) {
    throw still_unstable(run_.engine.unstable_in_row(), progress.step, run_.config.lr * progress.lr_factor);
  }
  const std::int64_t from = progress.step;
  const SlowPart slow(run_.ranks);
  std::optional<Progress> good = newest_checkpoint();
  if (!good) good.emplace();
  share_state(run_.ranks, run_.engine, *good);
  go_on_from(*good);
  run_.log.warn(
      {"loss or gradient was not finite in {} steps in a row up to step {}: back to the checkpoint of "
       "step {}, and on at half the learning rate",
       "截至第 {1} 步，损失或梯度连续 {0} 步不是有限数：退回第 {2} 步的检查点，以一半的学习率继续", kUnstableSteps,
       from, progress.step});
  run_.log.metrics(progress.step, {{"rolled_back_from", static_cast<double>(from)},
                                   {"lr_factor", progress.lr_factor},
                                   {"skipped_steps", static_cast<double>(progress.skipped_steps)}});
}

// Loaded by the rank that writes; nothing on the others.
std::optional<Progress> Recovery::newest_checkpoint() {
  std::optional<Progress> good;
  if (run_.ranks.leads()) {
    const auto loaded =
        load_newest_state(run_.checkpoints.folder(), run_.engine, [this](const Text& text) { run_.log.warn(text); });
    if (loaded) good = loaded->progress;
  }
  if (run_.ranks.any(run_.ranks.leads() && !good)) {
    throw Error(ErrorCode::failed,
                {"training is unstable at step {}, and there is no checkpoint to go back to",
                 "训练在第 {} 步不稳定，且没有可退回的检查点", run_.progress.step},
                {"start anew with a lower lr", "请降低 lr 后重新开始"});
  }
  return good;
}

void Recovery::go_on_from(const Progress& good) {
  Progress& progress = run_.progress;
  progress.step = good.step;
  progress.validations_without_gain = good.validations_without_gain;
  progress.validated_step = std::min(progress.validated_step, good.step);  // what is repeated is validated again
  progress.window_loss = good.window_loss;
  progress.window_good = good.window_good;
  progress.rollbacks = good.rollbacks + 1;
  progress.lr_factor = good.lr_factor * kRollbackSlowdown;
  run_.data.loader->seek(progress.step * run_.config.gradient_accumulation_steps);
}

}  // namespace wring

#include "wring_train/run/checkpoints.h"

#include <algorithm>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include <ATen/ATen.h>

#include "wring/base/error.h"
#include "wring/base/files.h"
#include "wring_train/run/state_files.h"

namespace wring {
namespace fs = std::filesystem;
namespace {

bool is_finite(const Edsr& network) {
  return std::ranges::all_of(network.parameters(), [](const NamedTensor& parameter) {
    return at::isfinite(parameter.tensor).all().item<bool>();
  });
}

Edsr cpu_copy(const Edsr& network) {
  Edsr copy = network;
  for (NamedTensor& parameter : copy.parameters()) parameter.tensor = parameter.tensor.detach().cpu().clone();
  return copy;
}

}  // namespace

Checkpoints::Checkpoints(Experiment experiment, std::int64_t keep, RunLog& log)
    : experiment_(std::move(experiment)), keep_(keep), log_(log) {}

void Checkpoints::begin(const StepEngine& engine, const Progress& progress) {
  save_run_state(state_file(experiment_.checkpoints(), progress.step), engine, progress);
  saved_step_ = progress.step;
}

void Checkpoints::agree_with(const StepEngine& engine, Progress& progress) {
  remove_unfinished_files(experiment_.checkpoints());
  saved_step_ = progress.step;
  last_step_ = step_of_network(experiment_.last());
  if (progress.step > 0 && last_step_ != progress.step) write_last(engine, progress);
  if (progress.best_step > 0 && step_of_network(experiment_.best()).value_or(0) < progress.best_step) {
    log_.warn(
        {fmt::format("{}: the best network (step {}) is not there any more; the next validation's is the best so far",
                     experiment_.best().string(), progress.best_step),
         fmt::format("{}：最佳网络（第 {} 步）已不存在，下次验证的网络视为目前最佳", experiment_.best().string(),
                     progress.best_step)});
    progress.best_psnr = Progress().best_psnr;
    progress.best_step = 0;
  }
}

void Checkpoints::save(const StepEngine& engine, const Progress& progress, bool as_best) {
  // A finite gradient can still throw the weights out of range. Such a network must never replace a good one.
  if (!is_finite(engine.model()) || !is_finite(engine.averaged())) {
    const Text what(fmt::format("the weights of step {} are not finite: they are not saved", progress.step),
                    fmt::format("第 {} 步的权重不是有限数，不予保存", progress.step));
    failures_[state_file(experiment_.checkpoints(), 0)] = what;
    log_.warn(what);
    return;
  }
  write_state(engine, progress);
  write_last(engine, progress);
  if (as_best) {
    save_best(engine.averaged(), progress.step);
  } else {
    write_best();
  }
}

void Checkpoints::save_best(const Edsr& network, std::int64_t step) {
  best_ = {cpu_copy(network), step};
  write_best();
}

bool Checkpoints::has_best() const {
  std::error_code error;
  return fs::exists(experiment_.best(), error);
}

std::vector<Text> Checkpoints::missing(const StepEngine& engine, const Progress& progress) {
  const fs::path state = state_file(experiment_.checkpoints(), 0);
  if (failures_.contains(state) || failures_.contains(experiment_.last())) save(engine, progress, false);
  write_best();
  std::vector<Text> reasons;
  for (const auto& [file, reason] : failures_) reasons.push_back(reason);
  return reasons;
}

// `file` is the kind of file: failures of different steps' states are one.
bool Checkpoints::write(const fs::path& file, std::int64_t step, const std::function<void()>& write) {
  try {
    make_folder(experiment_.checkpoints());  // somebody may have moved it away
    write();
    failures_.erase(file);
    return true;
  } catch (const Error& error) {
    failures_[file] = error.message();
    log_.warn({fmt::format("{}; training goes on from step {}, and this is tried again at the next checkpoint",
                           error.message().en, step),
               fmt::format("{}；训练从第 {} 步继续，下次保存检查点时再试", error.message().zh, step)});
    return false;
  }
}

void Checkpoints::write_state(const StepEngine& engine, const Progress& progress) {
  const fs::path folder = experiment_.checkpoints();
  const bool written = write(state_file(folder, 0), progress.step,
                             [&] { save_run_state(state_file(folder, progress.step), engine, progress); });
  if (!written) return;
  saved_step_ = progress.step;
  remove_older_states(folder, keep_);
}

void Checkpoints::write_last(const StepEngine& engine, const Progress& progress) {
  const bool written = write(experiment_.last(), progress.step,
                             [&] { save_network(experiment_.last(), engine.averaged(), progress.step); });
  if (written) last_step_ = progress.step;
}

void Checkpoints::write_best() {
  if (!best_) return;
  const bool written =
      write(experiment_.best(), best_->step, [&] { save_network(experiment_.best(), best_->network, best_->step); });
  if (written) best_.reset();
}

}  // namespace wring

#include "wring_train/train/checkpoints.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include <ATen/ATen.h>

#include "wring/base/error.h"
#include "wring/files/new_file.h"
#include "wring_train/train/state_files.h"

namespace wring {
namespace {

constexpr const char* kState = "state";  // the kind of file: failures of different steps' states are one

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

Checkpoints::Checkpoints(Experiment experiment, std::int64_t keep, RunFacts facts, RunLog& log)
    : experiment_(std::move(experiment)), keep_(keep), facts_(std::move(facts)), log_(log) {}

void Checkpoints::begin(const StepEngine& engine, const Progress& progress) {
  save_run_state(*experiment_.checkpoints, state_file(progress.step), engine, progress, facts_);
  saved_step_ = progress.step;
}

const Folder& Checkpoints::folder() {
  if (experiment_.checkpoints->removed()) {
    const std::string path = experiment_.checkpoints->path().string();
    experiment_.checkpoints = make_checkpoints(*experiment_.folder);
    log_.warn({"{} was removed while the run trains, and is made anew: the checkpoints before are gone",
               "训练期间 {} 被删除，现已重建：之前的检查点已丢失", path});
  }
  return *experiment_.checkpoints;
}

void Checkpoints::go_on_in(Experiment experiment) {
  experiment_ = std::move(experiment);
  saved_step_.reset();
  last_step_.reset();
}

void Checkpoints::agree_with(const StepEngine& engine, Progress& progress) {
  const Folder& folder = *experiment_.checkpoints;
  remove_unfinished_files(folder);
  saved_step_ = progress.step;
  last_step_ = step_of_network(folder, Experiment::kLast);
  if (progress.step > 0 && last_step_ != progress.step) write_last(engine, progress);
  if (progress.best_step > 0 && step_of_network(folder, Experiment::kBest).value_or(0) < progress.best_step) {
    const std::string best = folder.path_of(Experiment::kBest).string();
    log_.warn({"{}: the best network (step {}) is not there any more; the next validation's is the best so far",
               "{}：最佳网络（第 {} 步）已不存在，下次验证的网络视为目前最佳", best, progress.best_step});
    progress.best_psnr = Progress().best_psnr;
    progress.best_step = 0;
  }
}

void Checkpoints::save(const StepEngine& engine, const Progress& progress, bool as_best) {
  // A finite gradient can still throw the weights out of range. Such a network must never replace a good one.
  if (!is_finite(engine.model()) || !is_finite(engine.averaged())) {
    const Text what(fmt::format("the weights of step {} are not finite: they are not saved", progress.step),
                    fmt::format("第 {} 步的权重不是有限数，不予保存", progress.step));
    failures_[kState] = what;
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
  return experiment_.checkpoints->status(Experiment::kBest).has_value();
}

std::vector<Text> Checkpoints::missing(const StepEngine& engine, const Progress& progress) {
  if (failures_.contains(kState) || failures_.contains(Experiment::kLast)) save(engine, progress, false);
  write_best();
  std::vector<Text> reasons;
  for (const auto& [file, reason] : failures_) reasons.push_back(reason);
  return reasons;
}

bool Checkpoints::write(const char* kind, std::int64_t step, const std::function<void(const Folder&)>& write) {
  try {
    write(folder());
    failures_.erase(kind);
    return true;
  } catch (const Error& error) {
    failures_[kind] = error.message();
    log_.warn({"{}; training goes on from step {}, and this is tried again at the next checkpoint",
               "{}；训练从第 {} 步继续，下次保存检查点时再试", error.message(), step});
    return false;
  }
}

void Checkpoints::write_state(const StepEngine& engine, const Progress& progress) {
  const bool written = write(kState, progress.step, [&](const Folder& folder) {
    save_run_state(folder, state_file(progress.step), engine, progress, facts_);
  });
  if (!written) return;
  saved_step_ = progress.step;
  remove_older_states(*experiment_.checkpoints, keep_);
}

void Checkpoints::write_last(const StepEngine& engine, const Progress& progress) {
  const bool written = write(Experiment::kLast, progress.step, [&](const Folder& folder) {
    save_network(folder, Experiment::kLast, engine.averaged(), progress.step);
  });
  if (written) last_step_ = progress.step;
}

void Checkpoints::write_best() {
  if (!best_) return;
  const bool written = write(Experiment::kBest, best_->step, [&](const Folder& folder) {
    save_network(folder, Experiment::kBest, best_->network, best_->step);
  });
  if (written) best_.reset();
}

}  // namespace wring

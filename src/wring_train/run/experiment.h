#pragma once
#include <filesystem>
#include <memory>
#include <string>

#include "wring/base/descriptor.h"
#include "wring/config/train_config.h"

namespace wring {

// The folder of one run:
//   NAME/config.yaml                      every key with the value that was used
//   NAME/train.log  NAME/metrics.jsonl  NAME/events.out.tfevents.*
//   NAME/checkpoints/best.safetensors     the network with the best validation PSNR
//   NAME/checkpoints/last.safetensors     the newest network
//   NAME/checkpoints/state_STEP.safetensors   everything that --resume needs, one file a checkpoint (state_files.h)
struct Experiment {
  std::filesystem::path folder;
  std::shared_ptr<const Descriptor> lock = nullptr;  // held by the run that writes here

  std::filesystem::path checkpoints() const { return folder / "checkpoints"; }
  std::filesystem::path best() const { return checkpoints() / "best.safetensors"; }
  std::filesystem::path last() const { return checkpoints() / "last.safetensors"; }
  std::filesystem::path config() const { return folder / "config.yaml"; }
  std::filesystem::path metrics() const { return folder / "metrics.jsonl"; }
  std::filesystem::path log() const { return folder / "train.log"; }
};

// The run's name: experiment_name, or the config file's stem.
std::string experiment_name(const TrainConfig& config, const std::filesystem::path& config_path);

// Makes the folder ready. A finished or interrupted run of the same name is never overwritten: without `resume` its
// folder is renamed to NAME_archived_<date>_<time> first, as BasicSR does. `archived_to` receives that path, if any.
// Throws Error{failed} where a run is still writing there.
Experiment open_experiment(const std::filesystem::path& experiments, const std::string& name, bool resume,
                           std::filesystem::path& archived_to);

}  // namespace wring

#pragma once
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "wring/config/train_config.h"
#include "wring/files/folder.h"

namespace wring {

// The folder of one run:
//   NAME/config.yaml                      every key with the value that was used
//   NAME/train.log  NAME/metrics.jsonl  NAME/events.out.tfevents.*
//   NAME/checkpoints/best.safetensors     the network with the best validation PSNR
//   NAME/checkpoints/last.safetensors     the newest network
//   NAME/checkpoints/state_STEP.safetensors   everything that --resume needs, one file a checkpoint (state_files.h)
// Both folders are opened once, and locked as long as this lives: no other run may write there, under whatever path.
// The ranks of a run that do not write have neither.
struct Experiment {
  std::shared_ptr<const Folder> folder;
  std::shared_ptr<const Folder> checkpoints;

  static constexpr const char* kConfig = "config.yaml";
  static constexpr const char* kLog = "train.log";
  static constexpr const char* kMetrics = "metrics.jsonl";
  static constexpr const char* kBest = "best.safetensors";
  static constexpr const char* kLast = "last.safetensors";
};

// The run's name: experiment_name, or the config file's stem.
std::string experiment_name(const TrainConfig& config, const std::filesystem::path& config_path);

// The earlier run of that name, to be resumed: nothing where there is no folder of it, or where it was ended before its
// first checkpoint. Throws Unreadable where the folder, or its checkpoints, cannot be opened (a link to a disk that is
// not mounted, no permission); Error{failed} where a run is still writing there, and where it has measured something
// but has no state.
std::optional<Experiment> find_experiment(const std::filesystem::path& experiments, const std::string& name);

// A new run's folder. A finished or interrupted run of the same name is never overwritten: its folder is renamed to
// NAME_archived_<date>_<time> first, as BasicSR does. `archived_to` receives that path, if any. Throws as
// find_experiment does.
Experiment make_experiment(const std::filesystem::path& experiments, const std::string& name,
                           std::filesystem::path& archived_to);

// A folder for what is left of a run whose own was removed: at that path, or beside it under
// NAME_rescued_<date>_<time>.
Experiment make_again(const std::filesystem::path& path);

// The folder of the checkpoints, made and locked.
std::shared_ptr<const Folder> make_checkpoints(const Folder& run);

}  // namespace wring

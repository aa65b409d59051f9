#pragma once
#include <filesystem>
#include <string>

#include "wring_train/engine/step_engine.h"
#include "wring_train/train/checkpoints.h"
#include "wring_train/train/experiment.h"
#include "wring_train/train/run_log.h"

namespace wring {

// Notices that the folder of a run, or that of its checkpoints, is moved or removed while the run trains.
class FolderWatch {
 public:
  FolderWatch(const Experiment& experiment, Checkpoints& checkpoints, RunLog& log);

  // Says where a folder that was moved is: the run goes on writing there. Whether the run's folder still exists.
  bool look();

 private:
  void say_moved(const std::filesystem::path& before, const std::filesystem::path& now);

  Experiment experiment_;
  Checkpoints& checkpoints_;
  RunLog& log_;
  std::filesystem::path folder_, checkpoint_folder_;  // as last said
  const Folder* checkpoints_seen_;                    // only compared
};

// Saves what a run whose folder was removed still has: its config (as YAML), its state and its network, in a new folder
// at the same path or beside it. Then throws Error{failed} that says what is saved and where.
[[noreturn]] void stop_without_folder(const Experiment& experiment, Checkpoints& checkpoints, const StepEngine& engine,
                                      const Progress& progress, const std::string& config, bool as_best);

}  // namespace wring

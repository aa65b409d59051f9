#pragma once
#include <cstdint>
#include <optional>
#include <span>

#include "wring_train/dist/ranks.h"
#include "wring_train/engine/memory_error.h"
#include "wring_train/engine/step_engine.h"
#include "wring_train/train/checkpoints.h"
#include "wring_train/train/experiment.h"
#include "wring_train/train/run_log.h"
#include "wring_train/train/run_state.h"
#include "wring_train/train/training_data.h"

namespace wring {

// What a Recovery works with. All of it outlives it; `progress` is the run's own.
struct RecoverySetup {
  const TrainConfig& config;
  StepEngine& engine;
  const TrainingData& data;
  const Experiment& experiment;
  Progress& progress;
  RunLog& log;
  Checkpoints& checkpoints;
  Ranks& ranks;
};

// What keeps a run going when a step goes wrong. A step that does not fit into the device's memory is done in smaller
// micro-batches from then on, on the same samples. Steps whose loss or gradient is not finite are skipped by the
// engine, and counted and said here; too many in a row lead back to the newest checkpoint, once.
class Recovery {
 public:
  explicit Recovery(const RecoverySetup& setup) : run_(setup), reported_skips_(setup.progress.skipped_steps) {}

  // Before the first step: a resumed run goes on with its batches cut as they were.
  void begin();

  // One optimiser step. Throws DeviceMemoryError when a single sample does not fit.
  void step(std::span<const Batch> batches, double lr);

  // The config as it runs: batches are cut by progress.parts.
  TrainConfig config_in_use() const;

  // The engine's report, taken into the progress. Says how many steps were skipped since the last one.
  StepReport report();

  // Whether so many steps in a row were skipped that all the next ones will be, too.
  bool unstable() const;

  // Back to the newest checkpoint, and on at half the learning rate; to be called by every rank at the same step.
  // Throws Error{failed} when that was done before, and where there is no checkpoint.
  void roll_back();

 private:
  void step_down(const DeviceMemoryError& error);
  void cut_batches();
  std::optional<Progress> newest_checkpoint();
  void go_on_from(const Progress& good);

  RecoverySetup run_;
  std::int64_t reported_skips_;  // of progress.skipped_steps, said to the user
};

}  // namespace wring

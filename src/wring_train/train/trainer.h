#pragma once
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "wring_train/dist/ranks.h"
#include "wring_train/engine/step_engine.h"
#include "wring_train/train/checkpoints.h"
#include "wring_train/train/experiment.h"
#include "wring_train/train/folder_watch.h"
#include "wring_train/train/gpu_watch.h"
#include "wring_train/train/metrics_window.h"
#include "wring_train/train/recovery.h"
#include "wring_train/train/run_log.h"
#include "wring_train/train/run_state.h"
#include "wring_train/train/stop_signal.h"
#include "wring_train/train/training_data.h"
#include "wring_train/train/utilisation.h"
#include "wring_train/train/validator.h"

namespace wring {

enum class RunEnd { finished, early_stop, interrupted };

// Whether the step where the run stands is one to validate after, and that has not been done yet.
bool validation_due(const Progress& progress, const TrainConfig& config);

// What a Trainer works with. References outlive it.
struct TrainSetup {
  const TrainConfig& config;
  at::Device device;
  StepEngine& engine;
  TrainingData data;
  Experiment experiment;
  Progress progress;
  RunLog& log;
  Checkpoints& checkpoints;
  const GpuWatch& watch;
  ArithmeticFacts arithmetic;
  Ranks& ranks;
};

// The training loop: batches → steps → logs, validation and checkpoints at their frequencies. With several ranks every
// one runs it; rank 0 writes the files.
class Trainer {
 public:
  explicit Trainer(TrainSetup setup);
  Trainer(const Trainer&) = delete;
  Trainer& operator=(const Trainer&) = delete;

  // Called once, when the device has finished the first step; gives the seconds since the process began, which the
  // first record of the metrics tells as startup_s.
  void on_first_step(std::function<double()> done) { first_step_done_ = std::move(done); }

  // Runs until total_iters, an early stop or a stop signal; saves before it returns. A signal ends a validation too;
  // the resumed run begins with that validation. A step that does not fit into the device's memory is done in smaller
  // micro-batches from then on, on the same samples. Steps whose loss or gradient is not finite are skipped; ten in a
  // row lead back to the newest checkpoint, at half the learning rate. Throws Error{failed} when that happens a second
  // time, DeviceMemoryError when a single sample does not fit. A folder that is moved meanwhile is said, and written to
  // where it is. One that is removed ends the run: state and network are saved in a new one, and Error{failed} names
  // it.
  RunEnd run(const StopSignal& stop);

  const Progress& progress() const { return progress_; }

  // Over the whole of this run's training time, validation left out; 0 before the first metrics line.
  double samples_per_s() const { return window_.samples_per_s_of_run(); }
  // That validations have taken so far.
  double validation_s() const { return validation_s_; }

 private:
  std::optional<RunEnd> validate_what_is_owed(const StopSignal& stop);
  std::optional<RunEnd> after_step(bool stop_wanted, const StopSignal& stop);
  void train_one_step();
  std::vector<std::string> fields() const;
  double step_learning_rate(std::int64_t step) const;
  void look_after_folder();
  void write_metrics();
  std::optional<Score> validation_score(const StopSignal& stop);
  bool validate(const StopSignal& stop);
  void keep_score(const Score& mean, double seconds);
  void save();

  TrainConfig config_;
  at::Device device_;
  StepEngine& engine_;
  TrainingData data_;
  Experiment experiment_;
  Progress progress_;
  RunLog& log_;
  Checkpoints& checkpoints_;
  const GpuWatch& watch_;
  ArithmeticFacts arithmetic_;
  Ranks& ranks_;
  std::optional<Validator> validator_;
  Recovery recovery_;
  std::optional<FolderWatch> folder_watch_;  // of the rank that writes
  int validation_tile_;                      // LR pixels
  std::function<double()> first_step_done_;
  std::optional<double> startup_s_;  // until it has been written
  MetricsWindow window_;
  double validation_s_ = 0;
  std::int64_t saved_validation_;  // progress_.validated_step of the newest state
  std::optional<double> last_loss_;
  std::optional<double> last_psnr_;
};

}  // namespace wring

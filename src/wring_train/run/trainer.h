#pragma once
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "wring_train/engine/step_engine.h"
#include "wring_train/run/experiment.h"
#include "wring_train/run/run_log.h"
#include "wring_train/run/run_state.h"
#include "wring_train/run/stop_signal.h"
#include "wring_train/run/training_data.h"
#include "wring_train/run/validator.h"

namespace wring {

enum class RunEnd { finished, early_stop, interrupted };

// The training loop: batches → steps → logs, validation and checkpoints at their frequencies.
class Trainer {
 public:
  Trainer(const TrainConfig& config, at::Device device, StepEngine& engine, TrainingData data, Experiment experiment,
          Progress progress, RunLog& log);

  // Called once, when the device has finished the first step; gives the seconds since the process began, which the
  // first record of the metrics tells as startup_s.
  void on_first_step(std::function<double()> done) { first_step_done_ = std::move(done); }

  // Runs until total_iters, an early stop or a stop signal; saves before it returns.
  // Throws Error{failed} when the loss is no longer finite.
  RunEnd run(const StopSignal& stop);

  const Progress& progress() const { return progress_; }

 private:
  void train_one_step();
  std::vector<std::string> fields() const;
  void check_finite(double loss) const;
  void write_metrics();
  void validate();
  void save();

  TrainConfig config_;
  at::Device device_;
  StepEngine& engine_;
  TrainingData data_;
  Experiment experiment_;
  Progress progress_;
  RunLog& log_;
  std::optional<Validator> validator_;
  std::function<double()> first_step_done_;
  std::optional<double> startup_s_;  // until it has been written
  double wait_s_ = 0;                // for batches, since the last metrics line
  double clock_s_ = 0;               // when that line was written
  std::int64_t samples_ = 0;
  std::optional<double> last_loss_;
  std::optional<double> last_psnr_;
};

}  // namespace wring

#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "wring/trial/trial.h"
#include "wring_train/dist/ranks.h"
#include "wring_train/measure/trial_arithmetic.h"
#include "wring_train/train/training_data.h"

namespace wring {

// A config as a trial reads it, with KEY=VALUE in the place of what it says. Throws Error naming file and key.
TrainConfig trial_config(const std::filesystem::path& path, const std::vector<std::string>& set);

// Measures training steps of one config with other values, as `wring train` would run them, and touches no experiment:
// nothing is saved. The decoded images stay between trials whose data keys are the same. With several ranks each runs
// the same requests at the same time; rates are then those of all ranks together, memory that of the fullest card.
class TrialWorker {
 public:
  // `set`: KEY=VALUE for every trial. Foreign keys are passed over, as `wring benchmark` does. Throws Error like
  // read_config.
  TrialWorker(const std::filesystem::path& config, const std::vector<std::string>& set, at::Device device,
              Ranks& ranks = lone_rank());

  // `phase` is called with "load", "warmup", "validate" and "measure" as they begin. The outcome is ok, oom or error;
  // after anything but ok the device may hold memory that nothing gives back, so end the process.
  TrialResult run(const TrialRequest& request, const std::function<void(const std::string&)>& phase);

 private:
  TrialResult measured(const TrialRequest& request, const std::function<void(const std::string&)>& phase);
  TrainConfig with(const TrialRequest& request) const;
  void open_images(const TrainConfig& config);
  TrainingImages shared_images() const;
  TrialResult step_rate(const TrainConfig& config, const TrainingData& data, const TrialMeasure& measure,
                        const std::function<void(const std::string&)>& phase);
  TrialResult loader_rate(const TrainConfig& config, Loader& loader, const TrialMeasure& measure) const;
  TrainingDataOptions data_options() const;
  double timed_ms_of_all(int steps, const std::function<void(int)>& run) const;
  void combine_ranks(TrialResult& result) const;

  std::filesystem::path path_;
  TrainConfig config_;  // of the file
  std::vector<std::string> set_;
  at::Device device_;
  Ranks& ranks_;
  std::string image_keys_;  // of the images that are open
  std::optional<TrainingImages> images_;
  ArithmeticMeter arithmetic_;
};

}  // namespace wring

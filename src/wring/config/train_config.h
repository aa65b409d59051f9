#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace wring {

// A training configuration. Every member is one key of the flat YAML file, under the same name; the table in
// keys.h gives each its type, range, unit and description. The defaults here are the defaults of the keys.
struct TrainConfig {
  // Network
  std::string model = "edsr";
  std::int64_t base_channels = 64;
  std::int64_t num_blocks = 16;
  std::int64_t scale_factor = 4;

  // Batches
  std::int64_t batch_size = 16;
  std::int64_t patch_size = 128;
  std::int64_t num_workers = 4;
  bool pin_memory = true;
  bool persistent_workers = true;
  std::int64_t prefetch_factor = 2;

  // Speed
  bool use_mixed_precision = false;
  std::string amp_dtype = "bf16";
  std::optional<bool> compile_model;  // not given: the fastest engine with the same numbers
  std::string fold_tail = "auto";
  bool channels_last = true;
  std::string data_cache = "auto";

  // Loss
  std::string loss = "l1";
  bool use_perceptual = false;
  double perceptual_weight = 0.01;
  std::string perceptual_weights_file;

  // Optimisation
  std::string optimizer = "adamw";
  double lr = 2e-4;
  double weight_decay = 0.0;
  std::string scheduler = "cosine";
  double eta_min = 1e-7;
  std::vector<std::int64_t> milestones;
  double gamma = 0.5;
  std::int64_t warmup_iters = 0;
  std::int64_t total_iters = 100000;
  std::int64_t gradient_accumulation_steps = 1;
  double grad_clip = 0.0;
  double ema_decay = 0.999;
  std::int64_t seed = 0;

  // Validation, checkpoints, logs
  std::int64_t val_freq = 1000;
  std::int64_t checkpoint_freq = 1000;
  std::int64_t keep_checkpoints = 2;
  std::int64_t log_freq = 100;
  std::int64_t early_stopping_patience = 0;
  double early_stopping_min_delta = 0.0;

  // Data
  std::string data_dir = "data";
  std::string train_hr_dir;
  std::string train_lr_dir;
  std::string train_meta_info;
  std::string val_hr_dir;
  std::string val_lr_dir;
  std::int64_t dataset_enlarge_ratio = 1;
  bool use_hflip = true;
  bool use_rot = true;

  std::string experiment_name;
};

// Whether the step may run on another engine than eager, the reference.
inline bool fast_engine_wanted(const TrainConfig& config) {
  return config.compile_model.value_or(true);
}

}  // namespace wring

#pragma once
#include <algorithm>
#include <array>
#include <string_view>

namespace wring {

// Keys of the config that say how one machine feeds its GPU, where its files lie, and what it keeps: no weight follows
// from them. Images are compared by what they are, not by where they lie.
inline constexpr std::array<std::string_view, 13> kMachineKeys = {
    "num_workers", "pin_memory",       "persistent_workers", "prefetch_factor", "data_cache",
    "data_dir",    "train_hr_dir",     "train_lr_dir",       "train_meta_info", "val_hr_dir",
    "val_lr_dir",  "keep_checkpoints", "experiment_name"};

inline bool is_machine_key(std::string_view name) {
  return std::ranges::find(kMachineKeys, name) != kMachineKeys.end();
}

}  // namespace wring

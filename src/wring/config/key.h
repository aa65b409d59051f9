#pragma once
#include <limits>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "wring/base/text.h"
#include "wring/config/train_config.h"

namespace wring {

// Which member of TrainConfig a key fills; the alternative gives the key's type.
using Member =
    std::variant<std::int64_t TrainConfig::*, double TrainConfig::*, bool TrainConfig::*, std::string TrainConfig::*,
                 std::vector<std::int64_t> TrainConfig::*, std::optional<bool> TrainConfig::*>;

// What a value of the key alters beside the speed.
enum class Effect {
  speed,         // nothing: same model, same mathematics (num_workers, compile_model, …)
  model,         // the network itself (base_channels, num_blocks)
  optimisation,  // how the same network is trained (batch_size, patch_size, use_perceptual, grad_clip, …)
  none,          // not even the speed: what a run is called and what it keeps
};

// Where a value of the key acts.
enum class Scope {
  network,   // the tensors of the model
  step,      // the shape and the arithmetic of a training step
  loader,    // how the host feeds the GPU
  images,    // which images there are, and where they lie
  schedule,  // numbers that steps are given: no step's time or memory depends on them
  run,       // what happens between steps, and the end
};

// One row of the table of keys: the single source for reading, checking, editing and documenting configs.
struct Key {
  std::string name;
  Member member;
  Effect effect;
  Scope scope;
  std::string unit;  // "" where there is none
  Text description;  // one sentence: what it changes
  // Of a number, or of each number of a list, inclusive.
  double minimum = -std::numeric_limits<double>::infinity();
  double maximum = std::numeric_limits<double>::infinity();
  std::vector<std::string> choices{};  // of a string or an integer; empty: any
  Text off{};                          // what 0 says ("no warm-up"), where others write -1 for it; "": nothing
};

// Says how one machine feeds its GPU, where its files lie, or what it keeps: no weight follows from it. Images are
// compared by what they are, not by where they lie.
inline bool is_machine_key(const Key& key) {
  return key.scope == Scope::loader || key.scope == Scope::images || key.effect == Effect::none;
}

}  // namespace wring

#pragma once
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "wring/base/text.h"
#include "wring/config/reader.h"
#include "wring/config/train_config.h"
#include "wring/plan/machine.h"

namespace wring {

// What a change alters beside the speed.
enum class Effect {
  speed,         // nothing: same model, same mathematics (num_workers, compile_model, …)
  model,         // the network itself (base_channels, num_blocks)
  optimisation,  // how the same network is trained (batch_size, patch_size, use_perceptual, grad_clip, …)
};

// One key that the plan changes. Values are YAML text as they stand in the file; old_value is the key's
// default when the file does not name the key.
struct Change {
  std::string key;
  std::string old_value;
  std::string new_value;
  Text reason;  // one sentence with its numbers, no full stop
  Effect effect = Effect::speed;
  std::string rule;  // the rule that made it, by the name that disabled_rules takes
};

struct PlanOptions {
  bool keep_model = false;                  // leave the network, the patch and the training target alone
  std::vector<std::string> disabled_rules;  // names of plan_rules()
};

struct Plan {
  Machine machine;
  bool basic_mode = false;      // no card is known: the guide's doubling instead of its tiers
  std::vector<Change> changes;  // in the order of the rules; empty when there is nothing to improve
  std::vector<Text> notes;      // what was deliberately left alone, and what to watch
  TrainConfig result;
};

// The names of the rules, in the order in which they run.
std::span<const std::string> plan_rules();

// Pure: neither touches the file nor asks the machine. Values never go down unless the card's memory cannot
// hold them. Planning an already planned config changes nothing. Throws Error{usage} for an unknown rule
// name.
Plan make_plan(const ConfigFile& config, const Machine& machine, const PlanOptions& options = {});

// The text of `config` with the plan's values in their places; everything else survives byte for byte.
// Throws Error{usage} naming the key and line when a present value cannot be edited in place.
std::string planned_text(const ConfigFile& config, const Plan& plan);

// Writes planned_text() to `out`, atomically. `out` may be the input itself.
void write_plan(const ConfigFile& config, const Plan& plan, const std::filesystem::path& out);

// configs/lightweight_config.yaml → configs/lightweight_gpu_optimized.yaml; any other X.yaml →
// X_gpu_optimized.yaml; always beside the input.
std::filesystem::path optimized_path(const std::filesystem::path& in);

// Reads `in`, plans for the machine it runs on, writes `out`.
Plan auto_optimize_config(const std::filesystem::path& in, const std::filesystem::path& out);

}  // namespace wring

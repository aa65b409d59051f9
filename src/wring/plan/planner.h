#pragma once
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "wring/base/text.h"
#include "wring/config/keys.h"
#include "wring/config/reader.h"
#include "wring/config/train_config.h"
#include "wring/plan/machine.h"
#include "wring/plan/run_length.h"

namespace wring {

// One key that the plan changes. Values are YAML text as they stand in the file; old_value is the key's
// default when the file does not name the key.
struct Change {
  std::string key;
  std::string old_value;
  std::string new_value;
  Text reason;  // one sentence with its numbers, no full stop
  Effect effect = Effect::speed;
  std::string rule;             // the rule that made it, by the name that disabled_rules takes
  bool old_is_default = false;  // the file says nothing of the key
};

// The old value for people, marked where it is only the default: "16 (default)".
Text old_value_text(const Change& change);

// Whether a plan adds the perceptual loss. It changes what the network is trained for.
enum class PerceptualChoice {
  as_it_is,  // the config decides
  as_tier,   // the guide's way: on where its table has it for a card of this size
  on,
};

struct PlanOptions {
  bool keep_model = false;  // leave the network, the patch and the training target alone
  PerceptualChoice perceptual = PerceptualChoice::as_it_is;
  bool same_samples = false;                // scale the run so that it sees as many pixels as before
  std::vector<std::string> disabled_rules;  // names of plan_rules()
};

struct Plan {
  Machine machine;
  bool basic_mode = false;      // no card is known: the guide's doubling instead of its tiers
  std::vector<Change> changes;  // in the order of the rules; empty when there is nothing to improve
  std::vector<Text> notes;      // what was deliberately left alone, and what to watch
  TrainConfig result;
  RunLength run_before;  // of the whole run, on all of the machine's GPUs
  RunLength run_after;
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

// Reads `in`, plans for the machine that it runs on as the guide does, perceptual loss included, and writes `out`.
// Throws Error: {usage} for a file that is not one of Wring's or whose values do not go together, and then writes
// nothing.
Plan auto_optimize_config(const std::filesystem::path& in, const std::filesystem::path& out);

}  // namespace wring

#include "wring/plan/planner.h"

namespace wring {

Plan auto_optimize_config(const std::filesystem::path& in, const std::filesystem::path& out) {
  const ConfigFile config = read_config(in, UnknownKeys::keep);
  Plan plan = make_plan(config, detect_machine(), {.perceptual = PerceptualChoice::as_tier, .disabled_rules = {}});
  check_combinations(plan.result, in);
  write_plan(config, plan, out);
  return plan;
}

}  // namespace wring

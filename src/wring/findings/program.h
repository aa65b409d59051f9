#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "wring/agent/observation.h"
#include "wring/findings/finding.h"
#include "wring/trace/step_shares.h"
#include "wring/trace/step_work.h"

namespace wring {

// What a change of a program does to its results.
enum class ResultsEffect {
  exact,         // the same numbers
  rounding,      // the same training, rounded differently
  optimisation,  // another training: another batch size
};

// A change at one place of the program: "train.py:31  DataLoader(…, num_workers=0)  →  num_workers=8".
struct CodeChange {
  std::optional<CodePlace> place;  // absent where the program's place is not known
  std::string now;                 // "" where something is added
  std::string then;
  ResultsEffect effect = ResultsEffect::exact;
  Text note = {};  // "92 % of a step waits here"; often ""
};

struct ProgramFinding {
  Finding finding;          // its fix is empty: no key of a config cures it
  double give_back_ms = 0;  // of a step; 0 for what is no cause
  double share = 0;         // the same in per cent of the step
  std::vector<CodeChange> changes;
  bool at_most = true;  // it gives back no more; false: what comes beside it was not measured
};

// One process of a program, as it was measured.
struct ProgramInput {
  const Observation& seen;
  const StepShares& shares;
  const StepWork& work;
  double held_up_ms = 0;  // of the collectives: waiting for a rank that holds the others up (program_ranks.h)
};

// The findings of a program while the rules run.
class ProgramDiagnosis {
 public:
  explicit ProgramDiagnosis(const ProgramInput& input) : input_(input) {}

  const ProgramInput& input() const { return input_; }
  double step_ms() const { return input_.shares.step_ms; }
  double percent_of_step(double ms) const { return 100 * ms / input_.shares.step_ms; }
  // The loader whose batches the thread that steps waits for longest; null where none is known.
  const ObservedLoader* waited_for() const;
  // Whose steps are the steps; null where it is not known.
  const ObservedOptimizer* counted_optimizer() const;
  bool on_gpu() const { return input_.seen.process.device != "cpu"; }

  ProgramFinding& add(std::string_view key, Text headline, double give_back_ms, double confidence, Text numbers,
                      Text rule);
  // What has been found gives back so much of the step, in per cent.
  double largest_share() const;
  std::vector<ProgramFinding> finish() &&;

 private:
  const ProgramInput& input_;
  std::vector<ProgramFinding> found_;
};

namespace rules {

// Per cent of a step from which on a program's cause is worth a change: TensorBoard's profiler calls a step input-bound
// from 5 % on.
inline constexpr double kWorthAChange = 5;

}  // namespace rules
}  // namespace wring

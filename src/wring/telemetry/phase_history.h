#pragma once
#include <array>
#include <optional>
#include <vector>

#include "wring/telemetry/phase.h"
#include "wring/telemetry/steady.h"

namespace wring {

// How long a card was in each phase, and what was measured in the steady one.
struct PhaseSummary {
  std::array<double, kPhaseCount> seconds{};
  bool known = false;   // there were readings to tell them by
  double worked_s = 0;  // of all of it that the card did anything at all in
  SteadyPart steady;

  double of(Phase phase) const { return seconds[static_cast<std::size_t>(phase)]; }
  double all_s() const;
};

// Follows one card. The newest moments are kept, because a phase shows only by what follows; older ones are settled and
// added up, so that a week's run costs what half an hour's does.
class PhaseHistory {
 public:
  explicit PhaseHistory(bool from_start) : from_start_(from_start) {}

  void add(Moment moment);
  PhaseSummary summary(bool ended) const;

 private:
  struct Totals {
    std::array<double, kPhaseCount> seconds{};
    double worked_s = 0;
    SteadySums steady;
    void add(const Moment& moment, const PhaseTick& tick, Phase phase);
  };
  std::optional<bool> has_context(const GpuSample& sample) const;
  std::vector<Phase> phases(bool ended) const;
  void fill_in_program(const ProgramSample& program);
  void settle();

  bool from_start_;
  std::optional<double> least_used_mib_;  // memory in use before the command had any
  bool known_ = false;
  bool steady_before_ = false;  // among what is settled
  Totals settled_;
  std::vector<Moment> newest_;
  std::vector<PhaseTick> ticks_;  // of newest_
};

}  // namespace wring

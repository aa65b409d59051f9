#pragma once
#include <cstdint>

#include "wring/tune/search/options.h"
#include "wring/tune/search/picture.h"
#include "wring/tune/search/trial_session.h"

namespace wring {

// Soaks are tried from this many steps on.
inline constexpr std::int64_t kLeastSoakSteps = 10;

// One batch search's trials within its budget. Ends also where the program is broken. Which sizes to run is decided
// elsewhere.
class SearchSession : public TrialSession {
 public:
  SearchSession(TrialRunner& runner, const BatchSearchOptions& options, const SearchControl& control)
      : TrialSession(runner, options.budget_s, control, options.starts_anew), options_(options) {}

  BatchPicture picture() const { return picture_of(trials(), options_); }

  // Runs one size where the budget allows it; false when nothing more is to be run.
  bool try_size(std::int64_t batch, TrialRole role);
  // The same whatever it is expected to cost; it is ended with the budget.
  bool run_trial(std::int64_t batch, TrialRole role, const TrialMeasure& measure);

  // Whether the trial, and what has to follow it, end within the budget: of a new size a comparison with the config's
  // own, of one that only looks for a smaller batch also the soak.
  bool affordable(const BatchPicture& picture, std::int64_t batch, TrialRole role) const;
  // What one more trial of the size and of the config's own, in turns, are expected to take; 0 for that one itself.
  double comparison_s(const BatchPicture& picture, std::int64_t batch) const;
  // What the trial alone is expected to take, of a worker that runs.
  double cost_s(const BatchPicture& picture, std::int64_t batch, TrialRole role) const;
  TrialMeasure measure_for(TrialRole role) const;

  // The search is over, its soak is not; nothing goes on with a broken program.
  void go_on() {
    if (broken_.empty()) TrialSession::go_on();
  }
  const Text& broken() const { return broken_; }  // why the program is at fault; empty where it is not

 private:
  double soak_reserve_s(double step_ms) const;
  void foretell(SearchTrial& trial) const;
  void settle(SearchTrial& trial) const;
  void give_up_on_a_broken_program();

  const BatchSearchOptions& options_;
  Text broken_;
};

}  // namespace wring

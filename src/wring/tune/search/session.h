#pragma once
#include <cstdint>
#include <vector>

#include "wring/tune/search/options.h"
#include "wring/tune/search/picture.h"
#include "wring/tune/search/trial.h"
#include "wring/tune/search/trial_costs.h"

namespace wring {

// Soaks are tried from this many steps on.
inline constexpr std::int64_t kLeastSoakSteps = 10;

// One batch search's trials within its budget: runs them, judges each, tells of them, and ends where time, the user or
// a broken program ends it. Which sizes to run is decided elsewhere.
class SearchSession {
 public:
  SearchSession(TrialRunner& runner, const BatchSearchOptions& options, const SearchControl& control);

  const std::vector<SearchTrial>& trials() const { return trials_; }
  std::vector<SearchTrial> take_trials() { return std::move(trials_); }
  BatchPicture picture() const { return picture_of(trials_, options_); }

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
  const TrialCosts& costs() const { return costs_; }
  double spent_s() const { return now_s() - began_s_; }
  double left_s() const { return options_.budget_s - spent_s(); }

  bool stopped() const { return stop_; }
  bool asked_to_stop();                                     // by the user, or stopped already
  void go_on() { stop_ = cancelled_ || !broken_.empty(); }  // the search is over, its soak is not
  void mark_cut_short() { cut_short_ = true; }

  bool cut_short() const { return cut_short_; }
  bool cancelled() const { return cancelled_; }
  const Text& broken() const { return broken_; }  // why the program is at fault; empty where it is not

 private:
  double now_s() const { return control_.now_s ? control_.now_s() : machine_clock_s(); }
  double soak_reserve_s(double step_ms) const;
  void foretell(SearchTrial& trial) const;
  void settle_last();
  void tell(SearchEvent::Kind kind, const SearchTrial& trial) const;
  void give_up_on_a_broken_program();

  TrialRunner& runner_;
  const BatchSearchOptions& options_;
  const SearchControl& control_;
  double began_s_;
  TrialCosts costs_;
  std::vector<SearchTrial> trials_;
  bool stop_ = false;
  bool cut_short_ = false;
  bool cancelled_ = false;
  Text broken_;
};

}  // namespace wring

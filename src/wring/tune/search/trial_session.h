#pragma once
#include <utility>
#include <vector>

#include "wring/tune/search/trial_costs.h"
#include "wring/tune/search/types.h"

namespace wring {

// Trials within a budget: runs one after the other, tells of each, learns what they cost, and ends where time or the
// user ends it. What to run is decided elsewhere.
class TrialSession {
 public:
  // `starts_anew`: as TrialCosts'. `control` is borrowed.
  TrialSession(TrialRunner& runner, double budget_s, const SearchControl& control, bool starts_anew = false);

  const std::vector<SearchTrial>& trials() const { return trials_; }
  std::vector<SearchTrial> take_trials() { return std::move(trials_); }

  // Runs the trial within what is left of the budget, where its request sets no limit, judges it by itself and keeps
  // it; nullptr where the user ended it. The caller may add to its note; then it calls tell_finished().
  SearchTrial* run(SearchTrial trial);
  void tell_finished() const { tell(SearchEvent::Kind::finished, trials_.back()); }

  const TrialCosts& costs() const { return costs_; }
  double spent_s() const { return now_s() - began_s_; }
  double left_s() const { return budget_s_ - spent_s(); }

  bool stopped() const { return stopped_; }
  bool asked_to_stop();  // by the user, or stopped already
  void stop() { stopped_ = true; }
  void go_on() { stopped_ = cancelled_; }
  void mark_cut_short() { cut_short_ = true; }
  bool cut_short() const { return cut_short_; }
  bool cancelled() const { return cancelled_; }

 private:
  double now_s() const;
  void tell(SearchEvent::Kind kind, const SearchTrial& trial) const;

  TrialRunner& runner_;
  const double budget_s_;
  const SearchControl& control_;
  const double began_s_;
  TrialCosts costs_;
  std::vector<SearchTrial> trials_;
  bool stopped_ = false;
  bool cut_short_ = false;
  bool cancelled_ = false;
};

}  // namespace wring

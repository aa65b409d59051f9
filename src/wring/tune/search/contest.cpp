#include "wring/tune/search/contest.h"

#include <algorithm>

#include "wring/tune/search/trial.h"

namespace wring {

RatioInterval Contest::ratio() const {
  return repeats > 0 ? ratio_interval(before, after, noise, repeats) : ratio_interval(before, after, kLeastNoise);
}

double Contest::spread() const {
  return std::max(spread_of(before), spread_of(after));
}

bool Contest::won() const {
  const RatioInterval found = ratio();
  return in_turns() && !disturbed() && found.ratio - 1 > std::max(kWorthAChange, found.half_width);
}

bool Contest::settled() const {
  if (!in_turns() || disturbed()) return false;
  const RatioInterval found = ratio();
  return found.ratio - found.half_width > 1 + kWorthAChange || found.ratio + found.half_width < 1 + kWorthAChange;
}

namespace {

class Rounds {
 public:
  Rounds(TrialRunner& runner, const ContestOptions& options, const SearchControl& control)
      : runner_(runner), options_(options), control_(control), began_s_(now_s()) {}

  ContestResult run(const std::vector<Assignment>& before, const std::vector<Assignment>& after) {
    for (int round = 0; round < options_.max_rounds; ++round) {
      const bool after_first = round % 2 != 0;
      if (!measure(after_first ? after : before, after_first)) break;
      if (!measure(after_first ? before : after, !after_first)) break;
      if (result_.rates.settled()) break;
    }
    return std::move(result_);
  }

 private:
  double now_s() const { return control_.now_s ? control_.now_s() : machine_clock_s(); }
  double spent_s() const { return now_s() - began_s_; }

  // False where there is nothing more to run.
  bool measure(const std::vector<Assignment>& set, bool after) {
    if (control_.cancelled && control_.cancelled()) return !(result_.cancelled = true);
    const double left_s = options_.budget_s - spent_s();
    // A trial takes about as long as the ones before.
    const double expected_s = result_.trials.size() < 2 ? 0 : longest_s_;
    if (left_s <= expected_s) return !(result_.cut_short = true);
    SearchTrial trial;
    trial.batch = after ? options_.after_batch : options_.before_batch;
    trial.role = options_.role;
    trial.started_s = spent_s();
    trial.request = {.set = set, .measure = options_.measure, .time_limit_s = left_s, .fresh = true};
    tell(SearchEvent::Kind::started, trial);
    trial.result = runner_.run(trial.request);
    trial.seconds = spent_s() - trial.started_s;
    longest_s_ = std::max(longest_s_, trial.seconds);
    if (control_.cancelled && control_.cancelled()) result_.cancelled = true;
    if (result_.cancelled && trial.result.outcome != TrialOutcome::ok) return false;
    judge_trial(trial);
    result_.trials.push_back(trial);
    tell(SearchEvent::Kind::finished, trial);
    if (trial.fit == Fit::fits) {
      (after ? result_.rates.after : result_.rates.before).push_back(*trial.result.samples_per_s);
      return !result_.cancelled;
    }
    result_.cut_short = trial.fit == Fit::unknown;
    if (!result_.cut_short) result_.failed = trial.note;
    return false;
  }

  void tell(SearchEvent::Kind kind, const SearchTrial& trial) const {
    if (control_.on_event) control_.on_event({kind, &trial, spent_s(), options_.budget_s});
  }

  TrialRunner& runner_;
  const ContestOptions& options_;
  const SearchControl& control_;
  double began_s_;
  double longest_s_ = 0;
  ContestResult result_;
};

}  // namespace

ContestResult run_contest(TrialRunner& runner, const std::vector<Assignment>& before,
                          const std::vector<Assignment>& after, const ContestOptions& options,
                          const SearchControl& control) {
  return Rounds(runner, options, control).run(before, after);
}

}  // namespace wring

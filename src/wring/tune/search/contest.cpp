#include "wring/tune/search/contest.h"

#include <algorithm>

#include "wring/tune/search/trial_session.h"

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
      : options_(options), session_(runner, options.budget_s, control) {}

  ContestResult run(const std::vector<Assignment>& before, const std::vector<Assignment>& after) {
    for (int round = 0; round < options_.max_rounds; ++round) {
      const bool after_first = round % 2 != 0;
      if (!measure(after_first ? after : before, after_first)) break;
      if (!measure(after_first ? before : after, !after_first)) break;
      if (result_.rates.settled()) break;
    }
    result_.cancelled = session_.cancelled();
    result_.trials = session_.take_trials();
    return std::move(result_);
  }

 private:
  // False where there is nothing more to run.
  bool measure(const std::vector<Assignment>& set, bool after) {
    if (session_.asked_to_stop()) return false;
    const double left_s = session_.left_s();
    // A trial takes about as long as the ones before.
    const double expected_s = session_.trials().size() < 2 ? 0 : longest_s_;
    if (left_s <= expected_s) return !(result_.cut_short = true);
    SearchTrial trial;
    trial.batch = after ? options_.after_batch : options_.before_batch;
    trial.role = options_.role;
    trial.request = {.set = set, .measure = options_.measure, .time_limit_s = left_s, .fresh = true};
    const SearchTrial* ran = session_.run(std::move(trial));
    if (ran == nullptr) return false;
    longest_s_ = std::max(longest_s_, ran->seconds);
    session_.tell_finished();
    if (ran->fit == Fit::fits) {
      (after ? result_.rates.after : result_.rates.before).push_back(*ran->result.samples_per_s);
      return !session_.cancelled();
    }
    result_.cut_short = ran->fit == Fit::unknown;
    if (!result_.cut_short) result_.failed = ran->note;
    return false;
  }

  const ContestOptions& options_;
  TrialSession session_;
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

#include "wring/tune/search/trial_session.h"

#include <algorithm>

#include "wring/base/clock.h"
#include "wring/tune/search/trial.h"

namespace wring {
namespace {

// A trial that is begun has some time, however little is left.
constexpr double kLeastLimitS = 0.1;

}  // namespace

TrialSession::TrialSession(TrialRunner& runner, double budget_s, const SearchControl& control, bool starts_anew)
    : runner_(runner), budget_s_(budget_s), control_(control), began_s_(now_s()), costs_(starts_anew) {}

double TrialSession::now_s() const {
  return control_.now_s ? control_.now_s() : steady_seconds();
}

bool TrialSession::asked_to_stop() {
  if (control_.cancelled && control_.cancelled()) cancelled_ = stopped_ = true;
  return stopped_;
}

SearchTrial* TrialSession::run(SearchTrial trial) {
  trial.started_s = spent_s();
  if (!trial.request.time_limit_s) trial.request.time_limit_s = std::max(left_s(), kLeastLimitS);
  tell(SearchEvent::Kind::started, trial);
  trial.result = runner_.run(trial.request);
  trial.seconds = spent_s() - trial.started_s;
  // What ended because the user ended it says nothing of what it measured.
  if (asked_to_stop() && trial.result.outcome != TrialOutcome::ok) return nullptr;
  costs_.learn(trial.result, std::max(trial.result.seconds, trial.seconds));
  judge_trial(trial);
  if (trial.fit == Fit::unknown) cut_short_ = stopped_ = true;
  return &trials_.emplace_back(std::move(trial));
}

void TrialSession::tell(SearchEvent::Kind kind, const SearchTrial& trial) const {
  if (control_.on_event) control_.on_event({kind, &trial, spent_s(), budget_s_});
}

}  // namespace wring

#include "wring/tune/search/session.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "wring/tune/search/steps.h"
#include "wring/tune/search/words.h"

namespace wring {
namespace {

// Failures from the first trial on after which the program, not the batch, is at fault.
constexpr int kPatience = 2;
constexpr int kMostHangs = 2;
// The share of the budget that is kept for the soak.
constexpr double kSoakShare = 0.25;
// A shorter budget has shorter trials.
constexpr double kUsualBudgetS = 30;
constexpr double kLeastPace = 0.25;
// A trial that ends a moment after the budget is lost whole.
constexpr double kCaution = 1.1;

// Where steps are few their median is not known before the time is up; the step under way then is ended, and two are
// run at least.
double expected_measure_s(const TrialMeasure& measure, double step_ms) {
  const double step_s = step_ms / 1000;
  if (step_s <= 0) return measure.max_seconds;
  return std::max({measure.max_seconds, 2 * step_s, std::ceil(measure.max_seconds / step_s) * step_s});
}

// For costs: without a line a step may take as much longer as its batch is larger.
double dearest_step_ms(const BatchPicture& picture, std::int64_t batch) {
  const double expected = expected_step_ms(picture, batch);
  const SizePicture* largest = nullptr;
  for (const SizePicture& size : picture.sizes) {
    if (size.undisturbed()) largest = &size;
  }
  if (picture.time.line || largest == nullptr || largest->batch >= batch) return expected;
  return std::max(expected, 1000.0 * static_cast<double>(batch) / largest->rate);
}

}  // namespace

TrialMeasure SearchSession::measure_for(TrialRole role) const {
  // In tenths: another search with the same budget asks for the same trials, and finds those that were kept.
  const double pace = std::clamp(std::ceil(10 * options_.budget_s / kUsualBudgetS) / 10, kLeastPace, 1.0);
  TrialMeasure measure{.data = options_.data};
  measure.min_seconds = (role == TrialRole::probe ? 0.3 : 0.5) * pace;
  measure.max_seconds = (role == TrialRole::probe ? 1.0 : 1.5) * pace;
  measure.rel_ci = options_.epsilon / 6;  // a comparison of two is then good to a quarter of ε
  measure.min_steps = 3;
  return measure;
}

// What is kept for a soak at this step time: a quarter of the budget, or as much as a short one needs.
double SearchSession::soak_reserve_s(double step_ms) const {
  if (!options_.soak) return 0;
  const double step_s = step_ms / 1000;
  const double wished = costs().predict_s(step_ms, static_cast<double>(options_.soak_steps) * step_s);
  const double least = costs().predict_s(step_ms, static_cast<double>(2 * kLeastSoakSteps) * step_s);
  return std::max(std::min(wished, kSoakShare * options_.budget_s), least);
}

double SearchSession::cost_s(const BatchPicture& picture, std::int64_t batch, TrialRole role) const {
  const double step_ms = dearest_step_ms(picture, batch);
  return kCaution * costs().predict_s(step_ms, expected_measure_s(measure_for(role), step_ms));
}

double SearchSession::comparison_s(const BatchPicture& picture, std::int64_t batch) const {
  const SizePicture* own = picture.find(options_.start_batch);
  if (own == nullptr || !own->measured() || batch == own->batch) return 0;
  return cost_s(picture, own->batch, TrialRole::compare) + cost_s(picture, batch, TrialRole::compare);
}

bool SearchSession::affordable(const BatchPicture& picture, std::int64_t batch, TrialRole role) const {
  if (!costs().known()) return left_s() > 0;
  double needed = costs().start_due_s() + cost_s(picture, batch, role);
  const bool smaller_only = role == TrialRole::verify || role == TrialRole::refine;
  if (role != TrialRole::compare) needed += comparison_s(picture, batch);
  if (smaller_only) needed += soak_reserve_s(expected_step_ms(picture, batch));
  return needed <= left_s();
}

bool SearchSession::try_size(std::int64_t batch, TrialRole role) {
  if (asked_to_stop()) return false;
  if (!trials().empty() && !affordable(picture(), batch, role)) {
    mark_cut_short();
    stop();
    return false;
  }
  return run_trial(batch, role, measure_for(role));
}

bool SearchSession::run_trial(std::int64_t batch, TrialRole role, const TrialMeasure& measure) {
  SearchTrial trial;
  trial.batch = batch;
  trial.role = role;
  trial.request.set = options_.set;
  trial.request.set.push_back({options_.batch_key, std::to_string(batch)});
  trial.request.measure = measure;
  trial.request.fresh = role == TrialRole::compare;
  foretell(trial);
  SearchTrial* ran = run(std::move(trial));
  if (ran == nullptr) return false;
  settle(*ran);
  tell_finished();
  give_up_on_a_broken_program();
  return !stopped();
}

void SearchSession::foretell(SearchTrial& trial) const {
  const BatchPicture now = picture();
  const auto batch = static_cast<double>(trial.batch);
  if (now.memory.line) trial.predicted_peak_mib = now.memory.line->at(batch);
  const double ms = expected_step_ms(now, trial.batch);
  if (ms > 0) trial.predicted_rate = 1000.0 * batch / ms;
}

void SearchSession::settle(SearchTrial& trial) const {
  const BatchPicture now = picture();
  const SizePicture* size = now.find(trial.batch);
  if (trial.fit != Fit::fits || size == nullptr || size->fit == Fit::fits) return;
  if (size->fit == Fit::no_room || size->fit == Fit::collapses) {
    trial.fit = size->fit;
    trial.note = size->how;
  }
}

// A program that fails whatever the batch is, or that hangs again and again, is not asked a third time.
void SearchSession::give_up_on_a_broken_program() {
  int errors = 0;
  int hangs = 0;
  bool any_ok = false;
  for (const SearchTrial& trial : trials()) {
    any_ok = any_ok || trial.result.outcome == TrialOutcome::ok;
    if (trial.result.outcome == TrialOutcome::error) ++errors;
    if (trial.result.outcome == TrialOutcome::hang) ++hangs;
  }
  if (hangs < kMostHangs && (any_ok || errors + hangs < kPatience)) return;
  const Text last = failure_text(trials().back().result);
  stop();
  broken_ = hangs >= kMostHangs
                ? Text("{} trials hung: {}", "{} 次试验无响应：{}", hangs, last)
                : Text("the program fails whatever the batch is: {}", "无论 batch 大小，程序都会失败：{}", last);
}

}  // namespace wring

#include "wring/tune/search_session.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include <fmt/format.h>

#include "wring/tune/batch_steps.h"
#include "wring/tune/search_words.h"

namespace wring {
namespace {

// Failures from the first trial on after which the program, not the batch, is at fault.
constexpr int kPatience = 2;
constexpr int kMostHangs = 2;
// The share of the budget that is kept for the soak.
constexpr double kSoakShare = 0.25;
// A budget of this length has trials of usual length; others measure in proportion, within bounds.
constexpr double kUsualBudgetS = 30;

double expected_measure_s(const TrialMeasure& measure, double step_ms) {
  const double least = static_cast<double>(measure.min_steps) * step_ms / 1000;
  return std::max(least, (measure.min_seconds + measure.max_seconds) / 2);
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

// What the trial says by itself; what it says beside the others follows from the picture.
void judge(SearchTrial& trial) {
  const std::int64_t retries = trial.result.memory.alloc_retries.value_or(0);
  if (trial.result.outcome != TrialOutcome::ok || trial.result.samples_per_s <= 0) {
    trial.fit = Fit::fails;
    trial.note = failure_text(trial.result);
  } else if (retries > 0) {
    trial.fit = Fit::retries;
    trial.note = {fmt::format("runs only by giving memory back and asking again ({} times)", retries),
                  fmt::format("只能靠反复释放并重新申请显存运行（{} 次）", retries)};
  } else {
    trial.note = {"fits", "可行"};
  }
}

}  // namespace

double machine_clock_s() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

SearchSession::SearchSession(TrialRunner& runner, const BatchSearchOptions& options, const SearchControl& control)
    : runner_(runner), options_(options), control_(control), began_s_(now_s()) {}

TrialMeasure SearchSession::measure_for(TrialRole role) const {
  const double pace = std::clamp(options_.budget_s / kUsualBudgetS, 0.25, 2.0);
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
  const double wished = costs_.predict_s(step_ms, static_cast<double>(options_.soak_steps) * step_s);
  const double least = costs_.predict_s(step_ms, static_cast<double>(2 * kLeastSoakSteps) * step_s);
  return std::max(std::min(wished, kSoakShare * options_.budget_s), least);
}

double SearchSession::cost_s(const BatchPicture& picture, std::int64_t batch, TrialRole role) const {
  const double step_ms = dearest_step_ms(picture, batch);
  return costs_.predict_s(step_ms, expected_measure_s(measure_for(role), step_ms));
}

bool SearchSession::affordable(const BatchPicture& picture, std::int64_t batch, TrialRole role) const {
  if (!costs_.known()) return left_s() > 0;
  return cost_s(picture, batch, role) + soak_reserve_s(expected_step_ms(picture, batch)) <= left_s();
}

bool SearchSession::try_size(std::int64_t batch, TrialRole role) {
  if (asked_to_stop()) return false;
  if (!trials_.empty() && !affordable(picture(), batch, role)) {
    cut_short_ = stop_ = true;
    return false;
  }
  return run_trial(batch, role, measure_for(role));
}

bool SearchSession::asked_to_stop() {
  if (control_.cancelled && control_.cancelled()) cancelled_ = stop_ = true;
  return stop_;
}

bool SearchSession::run_trial(std::int64_t batch, TrialRole role, const TrialMeasure& measure) {
  SearchTrial trial;
  trial.batch = batch;
  trial.role = role;
  trial.started_s = spent_s();
  trial.request.set = options_.set;
  trial.request.set.push_back({options_.batch_key, std::to_string(batch)});
  trial.request.measure = measure;
  foretell(trial);
  tell(SearchEvent::Kind::started, trial);
  trial.result = runner_.run(trial.request);
  trial.seconds = spent_s() - trial.started_s;
  // What ended because the user ended it says nothing of its size.
  if (asked_to_stop() && trial.result.outcome != TrialOutcome::ok) return false;
  costs_.learn(trial.result, std::max(trial.result.seconds, trial.seconds));
  judge(trial);
  trials_.push_back(std::move(trial));
  settle_last();
  tell(SearchEvent::Kind::finished, trials_.back());
  give_up_on_a_broken_program();
  return !stop_;
}

void SearchSession::foretell(SearchTrial& trial) const {
  const BatchPicture now = picture();
  const auto batch = static_cast<double>(trial.batch);
  if (now.memory.line) trial.predicted_peak_mib = now.memory.line->at(batch);
  const double ms = expected_step_ms(now, trial.batch);
  if (ms > 0) trial.predicted_rate = 1000.0 * batch / ms;
}

void SearchSession::settle_last() {
  SearchTrial& trial = trials_.back();
  const BatchPicture now = picture();
  const SizePicture* size = now.find(trial.batch);
  if (trial.fit != Fit::fits || size == nullptr || size->fit == Fit::fits) return;
  if (size->fit == Fit::no_room || size->fit == Fit::collapses) {
    trial.fit = size->fit;
    trial.note = size->how;
  }
}

void SearchSession::tell(SearchEvent::Kind kind, const SearchTrial& trial) const {
  if (control_.on_event) control_.on_event({kind, &trial, spent_s(), options_.budget_s});
}

// A program that fails whatever the batch is, or that hangs again and again, is not asked a third time.
void SearchSession::give_up_on_a_broken_program() {
  int errors = 0;
  int hangs = 0;
  bool any_ok = false;
  for (const SearchTrial& trial : trials_) {
    any_ok = any_ok || trial.result.outcome == TrialOutcome::ok;
    if (trial.result.outcome == TrialOutcome::error) ++errors;
    if (trial.result.outcome == TrialOutcome::hang) ++hangs;
  }
  if (hangs < kMostHangs && (any_ok || errors + hangs < kPatience)) return;
  const Text last = failure_text(trials_.back().result);
  stop_ = true;
  broken_ = hangs >= kMostHangs ? Text(fmt::format("{} trials hung: {}", hangs, last.en),
                                       fmt::format("{} 次试验无响应：{}", hangs, last.zh))
                                : Text(fmt::format("the program fails whatever the batch is: {}", last.en),
                                       fmt::format("无论 batch 大小，程序都会失败：{}", last.zh));
}

}  // namespace wring

#include "wring/tune/knobs.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "wring/config/keys.h"
#include "wring/config/reader.h"
#include "wring/config/values.h"
#include "wring/tune/search_session.h"
#include "wring/tune/search_words.h"
#include "wring/tune/statistics.h"
#include "wring/tune/trial_costs.h"

namespace wring {
namespace {

// Two runs of one program on one idle machine differ by about this much.
constexpr double kLeastNoise = 0.005;

class KnobTuning {
 public:
  KnobTuning(TrialRunner& runner, const TrainConfig& config, const KnobOptions& options, const SearchControl& control)
      : runner_(runner), config_(config), options_(options), control_(control), began_s_(now_s()) {
    set_ = options.set;
    apply(set_);
  }

  KnobResult run() {
    const auto base = measure({});
    if (base && usable(*base)) {
      result_.rate_before = base->samples_per_s;
      result_.rate_after = base->samples_per_s;
      latest_ = *base;
      while (!stopped_) {
        const std::optional<KnobCandidate> next = next_candidate();
        if (!next) break;
        decide(*next);
      }
      note_pointless();
    }
    result_.seconds = spent_s();
    return std::move(result_);
  }

 private:
  // Asked anew after each decision: a faster step may starve where the one before did not, and a loader that has caught
  // up needs no more workers.
  std::optional<KnobCandidate> next_candidate() {
    for (KnobCandidate& candidate : knob_candidates(config_, latest_, options_)) {
      if (tried_.insert(candidate.knob + ": " + assignments_text(candidate.to)).second) return std::move(candidate);
    }
    return std::nullopt;
  }

  void note_pointless() {
    std::vector<KnobDecision> pointless;
    knob_candidates(config_, latest_, options_, &pointless);
    for (KnobDecision& decision : pointless) {
      const bool decided =
          std::ranges::find(result_.decisions, decision.knob, &KnobDecision::knob) != result_.decisions.end();
      if (!decided) result_.decisions.push_back(std::move(decision));
    }
  }

  double now_s() const { return control_.now_s ? control_.now_s() : machine_clock_s(); }
  double spent_s() const { return now_s() - began_s_; }

  void apply(const std::vector<Assignment>& set) {
    for (const Assignment& one : set) {
      if (find_key(one.key) != nullptr) set_value(config_, one.key + "=" + one.value);
    }
  }

  // One trial with `extra` on top of what was kept; absent when nothing more is to be run.
  std::optional<TrialResult> measure(const std::vector<Assignment>& extra) {
    if (control_.cancelled && control_.cancelled()) {
      result_.cancelled = stopped_ = true;
      return std::nullopt;
    }
    const bool first = result_.trials.empty();
    const double expected = costs_.known() ? costs_.predict_s(last_step_ms_, options_.measure.min_seconds) : 0;
    if (!first && spent_s() + expected > options_.budget_s) {
      result_.cut_short = stopped_ = true;
      return std::nullopt;
    }
    SearchTrial trial;
    trial.batch = config_.batch_size;
    trial.role = TrialRole::knob;
    trial.started_s = spent_s();
    trial.request.set = set_;
    trial.request.set.insert(trial.request.set.end(), extra.begin(), extra.end());
    trial.request.measure = options_.measure;
    tell(SearchEvent::Kind::started, trial);
    trial.result = runner_.run(trial.request);
    trial.seconds = spent_s() - trial.started_s;
    const bool ended = control_.cancelled && control_.cancelled();
    if (ended) result_.cancelled = stopped_ = true;
    if (ended && trial.result.outcome != TrialOutcome::ok) return std::nullopt;
    judge(trial, extra);
    result_.trials.push_back(trial);
    tell(SearchEvent::Kind::finished, result_.trials.back());
    return trial.result;
  }

  void judge(SearchTrial& trial, const std::vector<Assignment>& extra) {
    costs_.learn(trial.result, std::max(trial.result.seconds, trial.seconds));
    const std::int64_t retries = trial.result.memory.alloc_retries.value_or(0);
    if (trial.result.outcome != TrialOutcome::ok || trial.result.samples_per_s <= 0) {
      trial.fit = Fit::fails;
      trial.note = failure_text(trial.result);
      return;
    }
    last_step_ms_ = trial.result.step_ms.median;
    trial.fit = retries > 0 ? Fit::retries : Fit::fits;
    trial.note = extra.empty() ? Text("as it is", "现状") : Text(assignments_text(extra));
  }

  void tell(SearchEvent::Kind kind, const SearchTrial& trial) const {
    if (control_.on_event) control_.on_event({kind, &trial, spent_s(), options_.budget_s});
  }

  static bool usable(const TrialResult& result) {
    return result.outcome == TrialOutcome::ok && result.samples_per_s > 0 &&
           result.memory.alloc_retries.value_or(0) == 0;
  }

  // Before and after in turn: B A, then A B, so that a drift of the clocks meets both alike.
  void decide(const KnobCandidate& candidate) {
    KnobDecision decision;
    decision.knob = candidate.knob;
    decision.to = candidate.to;
    for (const Assignment& one : candidate.to) {
      if (const Key* key = find_key(one.key)) decision.from.push_back({one.key, value_text(config_, *key)});
    }
    decision.tried = true;
    for (std::int64_t round = 0; round < options_.max_rounds; ++round) {
      if (!measure_side(decision, candidate.to, round % 2 == 0)) break;
      if (!measure_side(decision, candidate.to, round % 2 != 0)) break;
      if (settled(decision)) break;
    }
    conclude(decision);
    result_.decisions.push_back(std::move(decision));
  }

  bool measure_side(KnobDecision& decision, const std::vector<Assignment>& to, bool after) {
    const auto result = measure(after ? to : std::vector<Assignment>());
    if (!result) return false;
    if (!usable(*result)) {
      const bool retries = result->outcome == TrialOutcome::ok && result->samples_per_s > 0;
      decision.reason =
          retries ? Text("it runs only by giving memory back and asking again", "只能靠反复释放并重新申请显存运行")
                  : failure_text(*result);
      return false;
    }
    (after ? decision.rates_after : decision.rates_before).push_back(result->samples_per_s);
    if (after) latest_after_ = *result;
    return true;
  }

  // Two rounds at least: with one of each there is nothing to tell noise from gain by.
  bool settled(const KnobDecision& decision) const {
    if (decision.rates_after.size() < 2 || decision.rates_before.size() < 2) return false;
    const RatioInterval found = ratio_interval(decision.rates_before, decision.rates_after, kLeastNoise);
    return found.ratio - found.half_width > 1 + options_.epsilon ||
           found.ratio + found.half_width < 1 + options_.epsilon;
  }

  void conclude(KnobDecision& decision) {
    if (!decision.reason.empty()) return;  // it failed
    if (decision.rates_after.size() < 2 || decision.rates_before.size() < 2) {
      decision.reason = {"the time ended before it could be compared twice", "时间不足，未能完成两次对比"};
      return;
    }
    const RatioInterval found = ratio_interval(decision.rates_before, decision.rates_after, kLeastNoise);
    decision.gain = found.ratio - 1;
    decision.interval = found.half_width;
    decision.kept = *decision.gain > std::max(options_.epsilon, found.half_width);
    const std::string before = rate_figure(median_of(decision.rates_before));
    const std::string after = rate_figure(median_of(decision.rates_after));
    const std::string gain = percent_figure(*decision.gain);
    const std::string interval = percent_figure(found.half_width);
    const Text numbers = {fmt::format("{} against {} samples/s: {} % ± {} %", after, before, gain, interval),
                          fmt::format("{} 对 {} samples/s：{}% ± {}%", after, before, gain, interval)};
    if (decision.kept) {
      decision.reason = numbers;
      keep(decision);
      return;
    }
    const bool noisy = *decision.gain > options_.epsilon;
    const std::string epsilon = percent_figure(options_.epsilon);
    decision.reason = {numbers.en + (noisy ? "; no more than its noise" : fmt::format("; less than {} %", epsilon)),
                       numbers.zh + (noisy ? "；未超出噪声" : fmt::format("；不足 {}%", epsilon))};
  }

  void keep(const KnobDecision& decision) {
    result_.rate_after = median_of(decision.rates_after);
    latest_ = latest_after_;
    for (const Assignment& one : decision.to) {
      std::erase_if(result_.kept, [&](const Assignment& known) { return known.key == one.key; });
      result_.kept.push_back(one);
      set_.push_back(one);
    }
    apply(decision.to);
  }

  TrialRunner& runner_;
  TrainConfig config_;
  const KnobOptions& options_;
  const SearchControl& control_;
  double began_s_;
  TrialCosts costs_;
  double last_step_ms_ = 0;
  std::vector<Assignment> set_;
  TrialResult latest_;        // of what is kept
  TrialResult latest_after_;  // of what is being tried
  std::set<std::string> tried_;
  KnobResult result_;
  bool stopped_ = false;
};

}  // namespace

KnobResult tune_knobs(TrialRunner& runner, const TrainConfig& config, const KnobOptions& options,
                      const SearchControl& control) {
  return KnobTuning(runner, config, options, control).run();
}

}  // namespace wring

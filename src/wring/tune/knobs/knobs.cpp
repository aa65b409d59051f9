#include "wring/tune/knobs/knobs.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "wring/config/keys.h"
#include "wring/config/reader.h"
#include "wring/config/values.h"
#include "wring/tune/search/trial.h"
#include "wring/tune/search/trial_costs.h"
#include "wring/tune/search/words.h"
#include "wring/tune/statistics.h"

namespace wring {
namespace {

class KnobTuning {
 public:
  KnobTuning(TrialRunner& runner, const TrainConfig& config, const KnobOptions& options, const SearchControl& control)
      : runner_(runner),
        config_(config),
        options_(options),
        control_(control),
        began_s_(now_s()),
        costs_(options.starts_anew) {
    set_ = options.set;
    apply(set_);
  }

  KnobResult run() {
    const auto base = measure({});
    if (base && usable(*base)) {
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
    for (const Assignment& one : set) try_value(config_, one.key, one.value);
  }

  // One trial with `extra` on top of what was kept; absent when nothing more is to be run.
  std::optional<TrialResult> measure(const std::vector<Assignment>& extra) {
    if (control_.cancelled && control_.cancelled()) {
      result_.cancelled = stopped_ = true;
      return std::nullopt;
    }
    const bool first = result_.trials.empty();
    const double expected = costs_.known() ? costs_.predict_s(last_step_ms_, options_.measure.min_seconds) : 0;
    const double left_s = options_.budget_s - spent_s();
    if (!first && expected > left_s) {
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
    trial.request.time_limit_s = std::max(left_s, kLeastLimitS);
    trial.request.fresh = !first;  // the first only shows what is worth a trial
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
    judge_trial(trial);
    if (trial.fit == Fit::unknown) result_.cut_short = stopped_ = true;
    if (trial.fit == Fit::fails || trial.fit == Fit::unknown) return;
    last_step_ms_ = trial.result.step_ms.median;
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
      if (decision.rates.settled()) break;
    }
    conclude(decision);
    result_.decisions.push_back(std::move(decision));
  }

  bool measure_side(KnobDecision& decision, const std::vector<Assignment>& to, bool after) {
    const auto result = measure(after ? to : std::vector<Assignment>());
    if (!result || result->outcome == TrialOutcome::cut_off) return false;
    if (!usable(*result)) {
      const bool retries = result->outcome == TrialOutcome::ok && result->samples_per_s > 0;
      decision.reason =
          retries ? Text("it runs only by giving memory back and asking again", "只能靠反复释放并重新申请显存运行")
                  : failure_text(*result);
      return false;
    }
    (after ? decision.rates.after : decision.rates.before).push_back(*result->samples_per_s);
    if (after) latest_after_ = *result;
    return true;
  }

  void conclude(KnobDecision& decision) {
    if (!decision.reason.empty()) return;  // it failed
    const Contest& rates = decision.rates;
    if (!rates.in_turns()) {
      decision.reason =
          result_.cancelled
              ? Text("the tuning was ended before it was compared twice", "调优已被结束，未能完成两次对比")
              : Text("the time ended before it could be compared twice", "时间不足，未能完成两次对比");
      return;
    }
    if (rates.disturbed()) {
      const std::string spread = percent_figure(rates.spread());
      result_.disturbed = std::max(result_.disturbed.value_or(0), rates.spread());
      decision.reason = {fmt::format("the machine is disturbed: rates of one setting differ by {} %", spread),
                         fmt::format("机器受到干扰：同一设置的速率相差 {}%", spread)};
      return;
    }
    decision.gain = rates.gain();
    decision.interval = rates.ratio().half_width;
    decision.kept = rates.won();
    const std::string before = rate_figure(median_of(rates.before));
    const std::string after = rate_figure(median_of(rates.after));
    const std::string gain = percent_figure(*decision.gain);
    const std::string interval = percent_figure(*decision.interval);
    const Text numbers = {fmt::format("{} against {} samples/s: {} % ± {} %", after, before, gain, interval),
                          fmt::format("{} 对 {} samples/s：{}% ± {}%", after, before, gain, interval)};
    if (decision.kept) {
      decision.reason = numbers;
      keep(decision);
      return;
    }
    const bool noisy = *decision.gain > kWorthAChange;
    const std::string worth = percent_figure(kWorthAChange);
    decision.reason = {numbers.en + (noisy ? "; no more than its noise" : fmt::format("; less than {} %", worth)),
                       numbers.zh + (noisy ? "；未超出噪声" : fmt::format("；不足 {}%", worth))};
  }

  void keep(const KnobDecision& decision) {
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

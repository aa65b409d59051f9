#include "wring/tune/knobs/knobs.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "wring/config/keys.h"
#include "wring/config/reader.h"
#include "wring/config/values.h"
#include "wring/tune/search/trial_session.h"
#include "wring/tune/search/words.h"
#include "wring/tune/statistics.h"

namespace wring {
namespace {

class KnobTuning {
 public:
  KnobTuning(TrialRunner& runner, const TrainConfig& config, const KnobOptions& options, const SearchControl& control)
      : config_(config), options_(options), session_(runner, options.budget_s, control, options.starts_anew) {
    set_ = options.set;
    apply(set_);
  }

  KnobResult run() {
    const auto base = measure({});
    if (base && usable(*base)) {
      latest_ = *base;
      while (!session_.stopped()) {
        const std::optional<KnobCandidate> next = next_candidate();
        if (!next) break;
        decide(*next);
      }
      note_pointless();
    }
    result_.cut_short = session_.cut_short();
    result_.cancelled = session_.cancelled();
    result_.seconds = session_.spent_s();
    result_.trials = session_.take_trials();
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

  void apply(const std::vector<Assignment>& set) {
    for (const Assignment& one : set) try_value(config_, one.key, one.value);
  }

  // One trial with `extra` on top of what was kept; absent when nothing more is to be run.
  std::optional<TrialResult> measure(const std::vector<Assignment>& extra) {
    if (session_.asked_to_stop()) return std::nullopt;
    const bool first = session_.trials().empty();
    const TrialCosts& costs = session_.costs();
    const double expected_s = costs.known() ? costs.predict_s(last_step_ms_, options_.measure.min_seconds) : 0;
    if (!first && expected_s > session_.left_s()) {
      session_.mark_cut_short();
      session_.stop();
      return std::nullopt;
    }
    SearchTrial trial;
    trial.batch = config_.batch_size;
    trial.role = TrialRole::knob;
    trial.request.set = set_;
    trial.request.set.insert(trial.request.set.end(), extra.begin(), extra.end());
    trial.request.measure = options_.measure;
    trial.request.fresh = !first;  // the first only shows what is worth a trial
    SearchTrial* ran = session_.run(std::move(trial));
    if (ran == nullptr) return std::nullopt;
    if (ran->fit != Fit::fails && ran->fit != Fit::unknown) {
      last_step_ms_ = ran->result.step_ms.median;
      ran->note = extra.empty() ? Text("as it is", "现状") : Text(assignments_text(extra));
    }
    session_.tell_finished();
    return ran->result;
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
          session_.cancelled()
              ? Text("the tuning was ended before it was compared twice", "调优已被结束，未能完成两次对比")
              : Text("the time ended before it could be compared twice", "时间不足，未能完成两次对比");
      return;
    }
    if (rates.disturbed()) {
      const std::string spread = percent_figure(rates.spread());
      result_.disturbed = std::max(result_.disturbed.value_or(0), rates.spread());
      decision.reason = {"the machine is disturbed: rates of one setting differ by {} %",
                         "机器受到干扰：同一设置的速率相差 {}%", spread};
      return;
    }
    decision.gain = rates.gain();
    decision.interval = rates.ratio().half_width;
    decision.kept = rates.won();
    const std::string before = rate_figure(median_of(rates.before));
    const std::string after = rate_figure(median_of(rates.after));
    const std::string gain = percent_figure(*decision.gain);
    const std::string interval = percent_figure(*decision.interval);
    const Text numbers = {
        "{} against {} samples/s: {} % ± {} %", "{} 对 {} samples/s：{}% ± {}%", after, before, gain, interval};
    if (decision.kept) {
      decision.reason = numbers;
      keep(decision);
      return;
    }
    const bool noisy = *decision.gain > kWorthAChange;
    const std::string worth = percent_figure(kWorthAChange);
    decision.reason = numbers;
    decision.reason +=
        noisy ? Text("; no more than its noise", "；未超出噪声") : Text("; less than {} %", "；不足 {}%", worth);
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

  TrainConfig config_;
  const KnobOptions& options_;
  TrialSession session_;
  double last_step_ms_ = 0;
  std::vector<Assignment> set_;
  TrialResult latest_;        // of what is kept
  TrialResult latest_after_;  // of what is being tried
  std::set<std::string> tried_;
  KnobResult result_;
};

}  // namespace

KnobResult tune_knobs(TrialRunner& runner, const TrainConfig& config, const KnobOptions& options,
                      const SearchControl& control) {
  return KnobTuning(runner, config, options, control).run();
}

}  // namespace wring

#include "wring/tune/batch_search.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include <fmt/format.h>

#include "wring/tune/batch_picture.h"
#include "wring/tune/batch_report.h"
#include "wring/tune/batch_steps.h"
#include "wring/tune/search_words.h"
#include "wring/tune/size_grid.h"
#include "wring/tune/trial_costs.h"

namespace wring {
namespace {

// A config's batch that is far too large would cost a new worker at each failure, and three sizes from 64 to 128 give
// lines as good.
constexpr std::int64_t kLargestFirstProbe = 64;
// When a probe fails, the next is this many times smaller.
constexpr std::int64_t kProbeStepDown = 4;
constexpr int kMostJumps = 8;
constexpr int kMostFailedJumps = 4;
constexpr int kMostCloserSizes = 6;
constexpr int kMostRounds = 6;
constexpr int kMostSoaks = 3;
// Failures in a row from the first trial on (a hang counts double) after which the program, not the batch, is at fault.
constexpr int kPatience = 2;
constexpr int kMostHangs = 2;
// The share of the budget that is kept for the soak.
constexpr double kSoakShare = 0.25;
constexpr std::int64_t kLeastSoakSteps = 10;
constexpr double kBelowFailedSoak = 0.9;
// By how much of the budget a failed soak may be followed up beyond it: a choice without proof is worth less.
constexpr double kOverrun = 0.15;
// A budget of this length has trials of usual length; shorter ones measure in proportion.
constexpr double kUsualBudgetS = 30;

double machine_clock_s() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

class BatchSearch {
 public:
  BatchSearch(TrialRunner& runner, const BatchSearchOptions& options, const SearchControl& control)
      : runner_(runner), options_(options), control_(control), grid_(grid_of(options)), began_s_(now_s()) {}

  BatchSearchResult run() {
    probe();
    jump();
    // The repeats may move the choice; then its neighbours are looked at once more.
    for (int pass = 0; pass < 2 && !stopped(); ++pass) {
      const std::size_t before = result_.trials.size();
      close_in();
      if (pass > 0 && result_.trials.size() == before) break;
      repeat_finalists();
    }
    soak();
    return finish();
  }

 private:
  double now_s() const { return control_.now_s ? control_.now_s() : machine_clock_s(); }
  double spent_s() const { return now_s() - began_s_; }
  double left_s() const { return options_.budget_s - spent_s(); }
  bool stopped() const { return stop_; }
  BatchPicture picture() const { return picture_of(result_.trials, options_); }

  // Trials of a short budget are short.
  double pace() const { return std::clamp(options_.budget_s / kUsualBudgetS, 0.25, 2.0); }

  TrialMeasure measure_for(TrialRole role) const {
    TrialMeasure measure{.data = options_.data};
    measure.min_seconds = (role == TrialRole::probe ? 0.3 : 0.5) * pace();
    measure.max_seconds = (role == TrialRole::probe ? 1.0 : 1.5) * pace();
    measure.rel_ci = options_.epsilon / 6;  // a comparison of two is then good to a quarter of ε
    measure.min_steps = 3;
    return measure;
  }

  double measured_s(const TrialMeasure& measure, double step_ms) const {
    const double least = static_cast<double>(measure.min_steps) * step_ms / 1000;
    return std::max(least, (measure.min_seconds + measure.max_seconds) / 2);
  }

  // What is kept for a soak at this step time: a quarter of the budget, or as much as a short one needs.
  double soak_reserve_s(double step_ms) const {
    if (!options_.soak) return 0;
    const double step_s = step_ms / 1000;
    const double wished = costs_.predict_s(step_ms, static_cast<double>(options_.soak_steps) * step_s);
    const double least = costs_.predict_s(step_ms, static_cast<double>(2 * kLeastSoakSteps) * step_s);
    return std::max(std::min(wished, kSoakShare * options_.budget_s), least);
  }

  bool affordable(const BatchPicture& picture, std::int64_t batch, TrialRole role) const {
    if (!costs_.known()) return left_s() > 0;
    const double step_ms = expected_step_ms(picture, batch);
    const double cost = costs_.predict_s(step_ms, measured_s(measure_for(role), step_ms));
    return cost + soak_reserve_s(step_ms) <= left_s();
  }

  // Runs one size; false when nothing more is to be run.
  bool try_size(std::int64_t batch, TrialRole role) {
    if (asked_to_stop()) return false;
    if (!result_.trials.empty() && !affordable(picture(), batch, role)) {
      cut_short_ = stop_ = true;
      return false;
    }
    return run_trial(batch, role, measure_for(role));
  }

  bool asked_to_stop() {
    if (control_.cancelled && control_.cancelled()) cancelled_ = stop_ = true;
    return stop_;
  }

  bool run_trial(std::int64_t batch, TrialRole role, const TrialMeasure& measure) {
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
    result_.trials.push_back(std::move(trial));
    settle_last();
    tell(SearchEvent::Kind::finished, result_.trials.back());
    give_up_on_a_broken_program();
    return !stop_;
  }

  void foretell(SearchTrial& trial) const {
    const BatchPicture now = picture();
    const auto batch = static_cast<double>(trial.batch);
    if (now.memory.line) trial.predicted_peak_mib = now.memory.line->at(batch);
    const double ms = expected_step_ms(now, trial.batch);
    if (ms > 0) trial.predicted_rate = 1000.0 * batch / ms;
  }

  // What the trial says by itself; what it says beside the others follows from the picture.
  static void judge(SearchTrial& trial) {
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

  void settle_last() {
    SearchTrial& trial = result_.trials.back();
    const BatchPicture now = picture();
    const SizePicture* size = now.find(trial.batch);
    if (trial.fit != Fit::fits || size == nullptr || size->fit == Fit::fits) return;
    if (size->fit == Fit::no_room || size->fit == Fit::collapses) {
      trial.fit = size->fit;
      trial.note = size->how;
    }
  }

  void tell(SearchEvent::Kind kind, const SearchTrial& trial) const {
    if (control_.on_event) control_.on_event({kind, &trial, spent_s(), options_.budget_s});
  }

  // A program that fails whatever the batch is, or that hangs again and again, is not asked a third time.
  void give_up_on_a_broken_program() {
    int errors = 0;
    int hangs = 0;
    bool any_ok = false;
    for (const SearchTrial& trial : result_.trials) {
      any_ok = any_ok || trial.result.outcome == TrialOutcome::ok;
      if (trial.result.outcome == TrialOutcome::error) ++errors;
      if (trial.result.outcome == TrialOutcome::hang) ++hangs;
    }
    if (hangs < kMostHangs && (any_ok || errors + hangs < kPatience)) return;
    const Text last = failure_text(result_.trials.back().result);
    stop_ = true;
    broken_ = hangs >= kMostHangs ? Text(fmt::format("{} trials hung: {}", hangs, last.en),
                                         fmt::format("{} 次试验无响应：{}", hangs, last.zh))
                                  : Text(fmt::format("the program fails whatever the batch is: {}", last.en),
                                         fmt::format("无论 batch 大小，程序都会失败：{}", last.zh));
  }

  // Three sizes that run, from the smallest up; downwards where one fails.
  void probe() {
    std::vector<std::int64_t> waiting = first_probes(grid_, std::min(options_.start_batch, kLargestFirstProbe));
    int ran = 0;
    while (!waiting.empty() && !stopped()) {
      const std::int64_t batch = waiting.front();
      waiting.erase(waiting.begin());
      if (!try_size(batch, TrialRole::probe)) return;
      if (result_.trials.back().result.outcome == TrialOutcome::ok) {
        ++ran;
        continue;
      }
      // What is larger can wait for the lines.
      std::erase_if(waiting, [&](std::int64_t size) { return size > batch; });
      if (waiting.empty() && ran < kMinLineSizes) waiting = smaller_probes(kMinLineSizes - ran);
    }
  }

  // As many as are missing, from a quarter of the smallest size that was tried upwards.
  std::vector<std::int64_t> smaller_probes(int missing) const {
    std::int64_t smallest = result_.trials.front().batch;
    for (const SearchTrial& trial : result_.trials) smallest = std::min(smallest, trial.batch);
    std::vector<std::int64_t> sizes;
    const auto wanted = std::max(static_cast<double>(smallest / kProbeStepDown), static_cast<double>(grid_.least));
    for (auto size = grid_.at_or_below(wanted); size && *size < smallest && static_cast<int>(sizes.size()) < missing;
         size = grid_.at_or_above(2 * static_cast<double>(*size))) {
      sizes.push_back(*size);
    }
    return sizes;
  }

  void jump() {
    int failures = 0;
    for (int jumps = 0; jumps < kMostJumps && failures < kMostFailedJumps && !stopped(); ++jumps) {
      const BatchPicture now = picture();
      auto size = jump_target(now, options_, grid_, ceiling_of(now, grid_), jumps == 0);
      if (!size) return;
      // What the budget cannot pay is jumped to half as far.
      const std::int64_t largest = now.largest_usable()->batch;
      while (size && *size > largest && !affordable(now, *size, TrialRole::jump)) {
        cut_short_ = true;
        const auto nearer = grid_.at_or_below(static_cast<double>(largest + (*size - largest) / 2));
        size = nearer && *nearer < *size ? nearer : std::nullopt;
      }
      if (!size || *size <= largest || now.find(*size) != nullptr) return;
      if (!try_size(*size, TrialRole::jump)) return;
      if (result_.trials.back().fit != Fit::fits) ++failures;
      const auto check = doubted_jump(picture(), options_, grid_, result_.trials.back());
      if (check && !try_size(*check, TrialRole::verify)) return;
    }
  }

  void close_in() {
    for (int tries = 0; tries < kMostCloserSizes && !stopped(); ++tries) {
      const BatchPicture now = picture();
      const std::int64_t most = ceiling_of(now, grid_);
      auto size = closer_size(now, options_, grid_, most);
      if (!size) size = natural_neighbour(now, options_, grid_, most);
      if (!size) return;
      const bool first = std::ranges::none_of(result_.trials,
                                              [](const SearchTrial& trial) { return trial.role == TrialRole::verify; });
      if (!try_size(*size, first ? TrialRole::verify : TrialRole::refine)) return;
    }
  }

  // In turn, so that a drift of the clocks meets all of them alike.
  void repeat_finalists() {
    for (int round = 0; round < kMostRounds && !stopped(); ++round) {
      const BatchPicture now = picture();
      const std::vector<std::int64_t> sizes = finalists(now, options_, ceiling_of(now, grid_));
      const bool settled = std::ranges::all_of(sizes, [&](std::int64_t batch) {
        const SizePicture& size = *now.find(batch);
        // One alone is compared with nothing: its repeat only tells the noise.
        return size.rates.size() >= 2 && (sizes.size() == 1 || size.relative_error <= options_.epsilon / 4);
      });
      if (settled) return;
      for (const std::int64_t batch : sizes) {
        if (!try_size(batch, TrialRole::refine)) return;
      }
    }
  }

  void soak() {
    if (!options_.soak || cancelled_ || !broken_.empty()) return;
    const bool was_stopped = stop_;
    stop_ = false;
    for (int soaks = 0; soaks < kMostSoaks && !asked_to_stop(); ++soaks) {
      const BatchPicture now = picture();
      const SizePicture* size = candidate(now);
      if (size == nullptr) break;
      const std::int64_t steps =
          steps_that_fit(*size, soaks == 0 && (near_the_limit(now, *size) || larger_failed(now, *size)));
      if (steps < kLeastSoakSteps) {
        cut_short_ = true;
        break;
      }
      const double step_s = static_cast<double>(size->batch) / size->rate;
      TrialMeasure measure{.data = options_.data, .min_seconds = 0, .rel_ci = 1, .min_steps = steps, .validate = true};
      measure.max_seconds = 1 + 2 * static_cast<double>(steps) * step_s;
      const std::int64_t batch = size->batch;
      if (!run_trial(batch, TrialRole::soak, measure)) break;
      if (picture().find(batch)->usable()) {
        soaked_ = batch;
        break;
      }
      failed_soak_ = batch;
      measure_below(batch);
    }
    stop_ = stop_ || was_stopped;
  }

  // Where the next smaller measured size is far off, a nearer one is measured first.
  void measure_below(std::int64_t failed) {
    const BatchPicture now = picture();
    const auto nearer = grid_.at_or_below(kBelowFailedSoak * static_cast<double>(failed));
    const SizePicture* next = candidate(now);
    if (next == nullptr || !nearer || *nearer <= next->batch || now.find(*nearer) != nullptr) return;
    const double step_ms = expected_step_ms(now, *nearer);
    const TrialMeasure measure = measure_for(TrialRole::refine);
    const double overrun_s = kOverrun * options_.budget_s;
    if (costs_.predict_s(step_ms, measured_s(measure, step_ms)) > left_s() + overrun_s) return;
    run_trial(*nearer, TrialRole::refine, measure);
  }

  static bool larger_failed(const BatchPicture& now, const SizePicture& size) {
    return std::ranges::any_of(
        now.sizes, [&](const SizePicture& other) { return other.batch > size.batch && other.fit != Fit::fits; });
  }

  // A soak near the memory's limit, or of what larger ones failed above, may fail: it leaves time for another.
  std::int64_t steps_that_fit(const SizePicture& size, bool may_fail) const {
    const double step_s = static_cast<double>(size.batch) / size.rate;
    const double left = std::max(left_s(), failed_soak_ ? kOverrun * options_.budget_s : 0.0);
    const double steps = (left - costs_.predict_s(1000 * step_s, 0)) / step_s;
    const double wished = may_fail ? std::max(steps / 2, std::min(steps, 2.0 * kLeastSoakSteps)) : steps;
    return static_cast<std::int64_t>(std::clamp(wished, 0.0, static_cast<double>(options_.soak_steps)));
  }

  // The choice, or after a failed soak the best among the smaller ones that were measured.
  const SizePicture* candidate(const BatchPicture& now) const {
    const SizePicture* chosen = choose(now, options_, ceiling_of(now, grid_));
    if (!failed_soak_) return chosen;
    const SizePicture* best = nullptr;
    for (const SizePicture& size : now.sizes) {
      const bool better = best == nullptr || size.steadied > best->steadied;
      if (size.batch < *failed_soak_ && size.usable() && better) best = &size;
    }
    return best;
  }

  BatchSearchResult finish() {
    const BatchPicture now = picture();
    SearchEnd end;
    end.ceiling = ceiling_of(now, grid_);
    end.cut_short = cut_short_;
    end.cancelled = cancelled_;
    end.broken = broken_;
    end.chosen = soaked_ ? now.find(*soaked_) : candidate(now);
    result_.soaked = soaked_.has_value();
    result_.seconds = spent_s();
    conclude(result_, now, options_, end);
    return std::move(result_);
  }

  TrialRunner& runner_;
  const BatchSearchOptions& options_;
  const SearchControl& control_;
  SizeGrid grid_;
  double began_s_;
  TrialCosts costs_;
  BatchSearchResult result_;
  bool stop_ = false;
  bool cut_short_ = false;
  bool cancelled_ = false;
  Text broken_;
  std::optional<std::int64_t> soaked_;
  std::optional<std::int64_t> failed_soak_;
};

}  // namespace

const SearchTrial* BatchSearchResult::chosen_trial() const {
  if (!batch) return nullptr;
  for (auto trial = trials.rbegin(); trial != trials.rend(); ++trial) {
    if (trial->batch == *batch && trial->result.outcome == TrialOutcome::ok) return &*trial;
  }
  return nullptr;
}

BatchSearchResult search_batch(TrialRunner& runner, const BatchSearchOptions& options, const SearchControl& control) {
  return BatchSearch(runner, options, control).run();
}

}  // namespace wring

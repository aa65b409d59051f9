#include "wring/tune/search/batch_search.h"

#include <algorithm>
#include <cmath>

#include "wring/tune/search/picture.h"
#include "wring/tune/search/report.h"
#include "wring/tune/search/session.h"
#include "wring/tune/search/size_grid.h"
#include "wring/tune/search/steps.h"

namespace wring {
namespace {

// A config's batch that is far too large would cost a new worker at each failure, and three sizes from 64 to 128 give
// lines as good.
constexpr std::int64_t kLargestFirstProbe = 64;
// When a probe fails, the next is this many times smaller.
constexpr std::int64_t kProbeStepDown = 4;
// A trial that takes this share of the budget is dear.
constexpr double kDearTrial = 0.1;
// The share of the time that is left which one jump may take.
constexpr double kJumpBudget = 0.3;
constexpr double kAsUsual = 1.25;
// The first step up where starting a program is what a trial costs, and where nothing tells the memory.
constexpr double kFarProbe = 8;
constexpr double kBlindProbe = 4;
// A jump by less than this gains no more than is thought the same.
constexpr double kLeastStep = 1.02;
constexpr int kMostJumps = 8;
constexpr int kMostFailedJumps = 4;
constexpr int kMostCloserSizes = 6;
constexpr int kMostNaturalSizes = 3;
constexpr int kMostRounds = 10;
constexpr int kMostSoaks = 3;
constexpr double kBelowFailedSoak = 0.9;
// The soak fills what is left of the budget but this share: its length is foretold to a few per cent, and ending the
// worker and writing the results take their time too.
constexpr double kForTheEnd = 0.07;

class BatchSearch {
 public:
  BatchSearch(TrialRunner& runner, const BatchSearchOptions& options, const SearchControl& control)
      : options_(options), grid_(grid_of(options)), session_(runner, options, control) {}

  BatchSearchResult run() {
    run_own();
    probe();
    jump();
    challenge();
    // The repeats may move the choice; then its neighbours are looked at once more.
    for (int pass = 0; pass < 2 && is_worth_narrowing(); ++pass) {
      const std::size_t before = session_.trials().size();
      close_in();
      if (pass > 0 && session_.trials().size() == before) break;
      repeat_finalists();
      challenge();
    }
    soak();
    return finish();
  }

 private:
  // What everything is compared with comes first, whatever it costs.
  void run_own() {
    if (grid_.allows(grid_.own)) session_.try_size(grid_.own, TrialRole::own);
  }

  // Two more sizes that run, for the lines: the double of the config's own, then its half. Where that did not run, from
  // the smallest up, and downwards where one fails.
  void probe() {
    const BatchPicture now = session_.picture();
    const SizePicture* own = own_size(now, options_);
    std::vector<std::int64_t> waiting = own != nullptr ? probes_around(now, *own) : probes_below();
    int ran = own != nullptr ? 1 : 0;
    while (!waiting.empty() && !session_.stopped()) {
      const std::int64_t batch = waiting.front();
      waiting.erase(waiting.begin());
      // A smaller size is only for the lines: where trials are dear, what is larger tells more.
      if (ran >= 2 && batch < options_.start_batch && is_dear(batch)) return;
      if (!session_.try_size(batch, TrialRole::probe)) return;
      if (session_.trials().back().result.outcome == TrialOutcome::ok) {
        ++ran;
      } else {
        // What is larger can wait for the lines.
        std::erase_if(waiting, [&](std::int64_t size) { return size > batch; });
      }
      if (waiting.empty() && own == nullptr && ran < kMinLineSizes) waiting = smaller_probes(kMinLineSizes - ran);
    }
  }

  bool is_dear(std::int64_t batch) const {
    return session_.cost_s(session_.picture(), batch, TrialRole::probe) > kDearTrial * options_.budget_s;
  }

  // The larger one first: it is what may be better.
  std::vector<std::int64_t> probes_around(const BatchPicture& now, const SizePicture& own) const {
    std::vector<std::int64_t> sizes = first_probes(grid_, own.batch);
    std::erase(sizes, own.batch);
    std::ranges::reverse(sizes);
    // A double tells little for its price where starting a program is what a trial costs.
    if (const auto far = far_probe(now, own)) {
      std::erase_if(sizes, [&](std::int64_t size) { return size > own.batch; });
      sizes.insert(sizes.begin(), *far);
    }
    // Memory grows at most as fast as the batch: what needs more than there is that way waits for the line.
    if (own.peak_mib && now.capacity_mib) {
      const double factor = now.memory_limit_mib() / static_cast<double>(*own.peak_mib);
      std::erase_if(sizes, [&](std::int64_t size) {
        return static_cast<double>(size) > std::max(1.0, factor) * static_cast<double>(own.batch);
      });
      const auto quarter = grid_.at_or_below(static_cast<double>(own.batch) / kProbeStepDown);
      const bool short_of_one = std::ssize(sizes) + 1 < kMinLineSizes;
      if (quarter && short_of_one && std::ranges::find(sizes, *quarter) == sizes.end()) sizes.push_back(*quarter);
    }
    return sizes;
  }

  std::optional<std::int64_t> far_probe(const BatchPicture& now, const SizePicture& own) const {
    if (!options_.starts_anew || !is_dear(own.batch)) return std::nullopt;
    double factor = kBlindProbe;
    if (own.peak_mib && now.capacity_mib) {
      factor =
          std::min(kFarProbe, now.memory_limit_mib() / static_cast<double>(std::max<std::int64_t>(1, *own.peak_mib)));
    }
    const auto far = grid_.at_or_below(factor * static_cast<double>(own.batch));
    return far && *far > 2 * own.batch ? far : std::nullopt;
  }

  std::vector<std::int64_t> probes_below() const {
    std::vector<std::int64_t> sizes = first_probes(grid_, std::min(options_.start_batch, kLargestFirstProbe));
    std::erase_if(sizes, [&](std::int64_t size) { return grid_.allows(grid_.own) && size >= grid_.own; });
    return sizes;
  }

  // As many as are missing, from a quarter of the smallest size that was tried upwards.
  std::vector<std::int64_t> smaller_probes(int missing) const {
    std::int64_t smallest = session_.trials().front().batch;
    for (const SearchTrial& trial : session_.trials()) smallest = std::min(smallest, trial.batch);
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
    int jumps = 0;
    while (jumps < kMostJumps && failures < kMostFailedJumps && !session_.stopped()) {
      const BatchPicture now = session_.picture();
      auto size = jump_target(now, options_, grid_, ceiling_of(now, grid_), jumps == 0);
      if (!size) return;
      // What the budget cannot pay is jumped to half as far.
      const std::int64_t largest = now.largest_usable()->batch;
      while (size && *size > largest && !worth_its_time(now, *size)) {
        session_.mark_cut_short();
        const auto nearer = grid_.at_or_below(static_cast<double>(largest + (*size - largest) / 2));
        size = nearer && *nearer < *size ? nearer : std::nullopt;
      }
      const bool far_enough = size && static_cast<double>(*size) >= kLeastStep * static_cast<double>(largest);
      if (!far_enough || now.find(*size) != nullptr) return;
      if (learn_validation(now, *size)) continue;  // and the target anew
      ++jumps;
      if (!session_.try_size(*size, TrialRole::jump)) return;
      if (session_.trials().back().fit != Fit::fits) ++failures;
      const auto check = doubted_jump(session_.picture(), options_, grid_, session_.trials().back());
      if (check && !session_.try_size(*check, TrialRole::verify)) return;
    }
  }

  // A jump leaves time for what follows: for the sizes between, and for the soak. Where starting a program is what a
  // trial costs, a jump costs no more than any smaller step.
  bool worth_its_time(const BatchPicture& now, std::int64_t size) const {
    if (!session_.affordable(now, size, TrialRole::jump)) return false;
    // A gain that is thought the same is not worth the soak.
    const double rate = 1000.0 * static_cast<double>(size) / expected_step_ms(now, size);
    const bool gains = rate > now.best()->steadied * (1 + options_.epsilon);
    if (!gains && !session_.affordable(now, size, TrialRole::refine)) return false;
    const double cost = session_.cost_s(now, size, TrialRole::jump);
    const double usual = session_.cost_s(now, now.largest_usable()->batch, TrialRole::jump);
    return cost <= kJumpBudget * session_.left_s() || cost <= kAsUsual * usual;
  }

  void close_in() {
    for (int tries = 0; tries < kMostCloserSizes && !session_.stopped(); ++tries) {
      const BatchPicture now = session_.picture();
      const auto size = closer_size(now, options_, grid_, ceiling_of(now, grid_));
      if (!size) break;
      if (!look_at(*size)) return;
    }
    for (int tries = 0; tries < kMostNaturalSizes && !session_.stopped(); ++tries) {
      const BatchPicture now = session_.picture();
      const auto size = natural_neighbour(now, options_, grid_, ceiling_of(now, grid_));
      if (!size || !look_at(*size)) return;
    }
  }

  // The first look verifies what the lines point to, the others refine.
  bool look_at(std::int64_t size) {
    const bool first = std::ranges::none_of(session_.trials(),
                                            [](const SearchTrial& trial) { return trial.role == TrialRole::verify; });
    return session_.try_size(size, first ? TrialRole::verify : TrialRole::refine);
  }

  // Near the memory's limit the validation decides what fits. A small size tells what it takes, for less than a soak
  // that fails. True where that was learnt now.
  bool learn_validation(const BatchPicture& now, std::int64_t size) {
    if (!options_.soak || !options_.validates || validation_learnt_ || !now.memory.line || !now.capacity_mib)
      return false;
    if (!near_the_limit(now, now.memory.line->at(static_cast<double>(size)))) return false;
    const SizePicture* small = nullptr;
    for (const SizePicture& known : now.sizes) {
      if (small == nullptr && known.usable() && known.peak_mib) small = &known;
    }
    if (small == nullptr || !session_.affordable(now, small->batch, TrialRole::validate)) return false;
    validation_learnt_ = true;
    TrialMeasure measure{.data = options_.data, .min_seconds = 0, .max_seconds = 0.1, .rel_ci = 1, .validate = true};
    return session_.run_trial(small->batch, TrialRole::validate, measure);
  }

  // The config's own against the best of the others, in turns, until they are told apart: a drift of the clocks meets
  // both alike, and as the order changes from round to round, nothing that comes and goes meets always the same one.
  void challenge() {
    session_.go_on();
    for (int round = 0; round < kMostRounds && !session_.asked_to_stop(); ++round) {
      const BatchPicture now = session_.picture();
      const SizePicture* own = own_size(now, options_);
      const SizePicture* best = own != nullptr ? challenger(now, *own) : nullptr;
      if (best == nullptr || is_told_apart(now, *own, *best)) return;
      const std::int64_t other = best->batch;
      const bool own_is_ahead = own->rates.size() > best->rates.size();
      const bool other_first = round % 2 != 0 || own_is_ahead;
      if (other_first && !run_again(other)) return;
      if (!own_is_ahead && !run_again(options_.start_batch)) return;
      if (!other_first && !run_again(other)) return;
    }
  }

  bool run_again(std::int64_t batch) {
    return session_.run_trial(batch, TrialRole::compare, session_.measure_for(TrialRole::compare));
  }

  // The best of the others whose comparison the budget pays.
  const SizePicture* challenger(const BatchPicture& now, const SizePicture& own) {
    const SizePicture* best = nullptr;
    bool dear = false;
    for (const SizePicture& size : now.sizes) {
      const bool better = best == nullptr || size.rate > best->rate;
      if (size.batch == own.batch || size.batch > most(now) || !size.usable() || !better) continue;
      double cost = session_.comparison_s(now, size.batch);
      if (own.rates.size() > size.rates.size()) cost = session_.cost_s(now, size.batch, TrialRole::compare);
      cost += session_.costs().start_due_s();
      dear = dear || cost > session_.left_s();
      if (cost <= session_.left_s()) best = &size;
    }
    if (dear) session_.mark_cut_short();
    return best;
  }

  // Another round would change nothing.
  bool is_told_apart(const BatchPicture& now, const SizePicture& own, const SizePicture& other) const {
    const SizePicture* decided = decide(now, options_, most(now));
    if (decided != &own && decided->rate >= other.rate * (1 - options_.epsilon)) return true;
    const Contest contest = contest_of(now, own, other);
    if (contest.in_turns()) return contest.settled();
    // What is clearly not worth a change needs no second look.
    const double doubt = 2 * std::hypot(own.relative_error, other.relative_error);
    return other.rate * (1 + doubt) < own.rate * (1 + kWorthAChange);
  }

  // A smaller batch than the best is of use only where the config's own has lost, or did not run.
  bool is_worth_narrowing() {
    if (session_.asked_to_stop() || !session_.broken().empty()) return false;
    const BatchPicture now = session_.picture();
    const SizePicture* decided = decide(now, options_, most(now));
    return decided != nullptr && decided != own_size(now, options_) && now.spread <= kDisturbed;
  }

  // In turns as well. The config's own takes part where the choice has not won over it yet.
  void repeat_finalists() {
    for (int round = 0; round < kMostRounds && !session_.stopped(); ++round) {
      const BatchPicture now = session_.picture();
      std::vector<std::int64_t> sizes = finalists(now, options_, most(now));
      const bool settled = std::ranges::all_of(sizes, [&](std::int64_t batch) {
        const SizePicture& size = *now.find(batch);
        // One alone is compared with nothing: its repeat only tells the noise.
        return size.rates.size() >= 2 && (sizes.size() == 1 || size.relative_error <= options_.epsilon / 4);
      });
      if (settled) return;
      if (round % 2 != 0) std::ranges::reverse(sizes);
      for (const std::int64_t batch : sizes) {
        if (!session_.affordable(now, batch, TrialRole::refine)) return session_.mark_cut_short();
        if (!session_.try_size(batch, TrialRole::compare)) return;
      }
    }
  }

  // The largest size that may be chosen: below one whose soak failed.
  std::int64_t most(const BatchPicture& now) const {
    const SizePicture* own = own_size(now, options_);
    const std::int64_t ceiling = std::max(ceiling_of(now, grid_), own != nullptr ? own->batch : 0);
    return failed_soak_ ? std::min(ceiling, *failed_soak_ - 1) : ceiling;
  }

  void soak() {
    if (!options_.soak || session_.cancelled() || !session_.broken().empty()) return;
    session_.go_on();
    for (int soaks = 0; soaks < kMostSoaks && !session_.asked_to_stop(); ++soaks) {
      const BatchPicture now = session_.picture();
      const SizePicture* size = decide(now, options_, most(now));
      if (size == nullptr || now.spread > kDisturbed) break;
      const std::int64_t steps =
          steps_that_fit(*size, soaks == 0 && (near_the_limit(now, *size) || larger_failed(now, *size)));
      if (steps < kLeastSoakSteps) break;
      const double step_s = static_cast<double>(size->batch) / size->rate;
      TrialMeasure measure{.data = options_.data, .min_seconds = 0, .rel_ci = 1, .min_steps = steps, .validate = true};
      measure.max_seconds = 1 + 2 * static_cast<double>(steps) * step_s;
      const std::int64_t batch = size->batch;
      const bool go_on = session_.run_trial(batch, TrialRole::soak, measure);
      const SearchTrial& last = session_.trials().back();
      if (last.role != TrialRole::soak || last.fit == Fit::unknown) break;  // ended by the user, or with the budget
      if (last.fit != Fit::fails && last.fit != Fit::retries) {
        soaked_ = batch;
        // Its validation may have taken more than was reserved; then another size has room, or none.
        const BatchPicture after = session_.picture();
        const SizePicture* now_chosen = decide(after, options_, most(after));
        if (now_chosen == nullptr || now_chosen->batch == batch) break;
        continue;
      }
      failed_soak_ = batch;
      if (!go_on) break;
      measure_below(batch);
      challenge();
    }
  }

  // Where the next smaller measured size is far off, a nearer one is measured first.
  void measure_below(std::int64_t failed) {
    const BatchPicture now = session_.picture();
    const auto nearer = grid_.at_or_below(kBelowFailedSoak * static_cast<double>(failed));
    const SizePicture* next = choose(now, options_, most(now));
    if (next == nullptr || !nearer || *nearer <= next->batch || now.find(*nearer) != nullptr) return;
    if (session_.affordable(now, *nearer, TrialRole::probe)) session_.try_size(*nearer, TrialRole::probe);
  }

  static bool larger_failed(const BatchPicture& now, const SizePicture& size) {
    return std::ranges::any_of(
        now.sizes, [&](const SizePicture& other) { return other.batch > size.batch && other.fit != Fit::fits; });
  }

  // A soak near the memory's limit, or of what larger ones failed above, may fail: it leaves time for another.
  std::int64_t steps_that_fit(const SizePicture& size, bool may_fail) const {
    const double step_s = static_cast<double>(size.batch) / size.rate;
    const double left = session_.left_s() - kForTheEnd * options_.budget_s;
    const TrialCosts& costs = session_.costs();
    if (options_.starts_anew) return costs.predict_s(1000 * step_s, 0) <= left ? options_.soak_steps : 0;
    const double steps = (left - costs.start_due_s() - costs.predict_s(1000 * step_s, 0)) / step_s;
    const double wished = may_fail ? std::max(steps / 2, std::min(steps, 2.0 * kLeastSoakSteps)) : steps;
    return static_cast<std::int64_t>(std::clamp(wished, 0.0, static_cast<double>(options_.soak_steps)));
  }

  BatchSearchResult finish() {
    const BatchPicture now = session_.picture();
    SearchEnd end;
    end.chosen = decide(now, options_, most(now));
    end.failed_soak = failed_soak_;
    end.cut_short = session_.cut_short();
    end.cancelled = session_.cancelled();
    end.broken = session_.broken();
    BatchSearchResult result;
    result.seconds = session_.spent_s();
    result.trials = session_.take_trials();
    result.soaked = soaked_.has_value() && end.chosen != nullptr && end.chosen->batch == *soaked_;
    conclude(result, now, options_, end);
    return result;
  }

  const BatchSearchOptions& options_;
  SizeGrid grid_;
  SearchSession session_;
  bool validation_learnt_ = false;
  std::optional<std::int64_t> soaked_;
  std::optional<std::int64_t> failed_soak_;
};

}  // namespace

BatchSearchResult search_batch(TrialRunner& runner, const BatchSearchOptions& options, const SearchControl& control) {
  return BatchSearch(runner, options, control).run();
}

}  // namespace wring

#include "wring/tune/batch_search.h"

#include <algorithm>

#include "wring/tune/batch_picture.h"
#include "wring/tune/batch_report.h"
#include "wring/tune/batch_steps.h"
#include "wring/tune/search_session.h"
#include "wring/tune/size_grid.h"

namespace wring {
namespace {

// A config's batch that is far too large would cost a new worker at each failure, and three sizes from 64 to 128 give
// lines as good.
constexpr std::int64_t kLargestFirstProbe = 64;
// When a probe fails, the next is this many times smaller.
constexpr std::int64_t kProbeStepDown = 4;
// The share of the time that is left which one jump may take.
constexpr double kJumpBudget = 0.3;
constexpr double kAsUsual = 1.25;
constexpr int kMostJumps = 8;
constexpr int kMostFailedJumps = 4;
constexpr int kMostCloserSizes = 6;
constexpr int kMostNaturalSizes = 3;
constexpr int kMostRounds = 6;
constexpr int kMostSoaks = 3;
constexpr double kBelowFailedSoak = 0.9;
// By how much of the budget a failed soak may be followed up beyond it: a choice without proof is worth less.
constexpr double kOverrun = 0.15;

// The soak fills what is left of the budget but this share: its length is foretold to a few per cent, and ending the
// worker and writing the results take their time too.
constexpr double kForTheEnd = 0.07;

class BatchSearch {
 public:
  BatchSearch(TrialRunner& runner, const BatchSearchOptions& options, const SearchControl& control)
      : options_(options), grid_(grid_of(options)), session_(runner, options, control) {}

  BatchSearchResult run() {
    probe();
    run_own();
    jump();
    // The repeats may move the choice; then its neighbours are looked at once more.
    for (int pass = 0; pass < 2 && !session_.stopped(); ++pass) {
      const std::size_t before = session_.trials().size();
      close_in();
      if (pass > 0 && session_.trials().size() == before) break;
      repeat_finalists();
    }
    soak();
    return finish();
  }

 private:
  // Three sizes that run, from the smallest up; downwards where one fails.
  void probe() {
    std::vector<std::int64_t> waiting = first_probes(grid_, std::min(options_.start_batch, kLargestFirstProbe));
    int ran = 0;
    while (!waiting.empty() && !session_.stopped()) {
      const std::int64_t batch = waiting.front();
      waiting.erase(waiting.begin());
      if (!session_.try_size(batch, TrialRole::probe)) return;
      if (session_.trials().back().result.outcome == TrialOutcome::ok) {
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

  // What the choice will be compared with: the config's own batch, where the probes did not meet it and it should fit.
  void run_own() {
    const BatchPicture now = session_.picture();
    const std::int64_t own = grid_.own;
    if (session_.stopped() || !grid_.allows(own) || now.find(own) != nullptr || own > ceiling_of(now, grid_)) return;
    if (session_.affordable(now, own, TrialRole::refine)) session_.try_size(own, TrialRole::refine);
  }

  void jump() {
    int failures = 0;
    for (int jumps = 0; jumps < kMostJumps && failures < kMostFailedJumps && !session_.stopped(); ++jumps) {
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
      if (!size || *size <= largest || now.find(*size) != nullptr) return;
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

  // In turn, so that a drift of the clocks meets all of them alike.
  void repeat_finalists() {
    for (int round = 0; round < kMostRounds && !session_.stopped(); ++round) {
      const BatchPicture now = session_.picture();
      const std::vector<std::int64_t> sizes = finalists(now, options_, ceiling_of(now, grid_));
      const bool settled = std::ranges::all_of(sizes, [&](std::int64_t batch) {
        const SizePicture& size = *now.find(batch);
        // One alone is compared with nothing: its repeat only tells the noise.
        return size.rates.size() >= 2 && (sizes.size() == 1 || size.relative_error <= options_.epsilon / 4);
      });
      if (settled) return;
      for (const std::int64_t batch : sizes) {
        if (!session_.try_size(batch, TrialRole::refine)) return;
      }
    }
  }

  void soak() {
    if (!options_.soak || session_.cancelled() || !session_.broken().empty()) return;
    session_.go_on();
    for (int soaks = 0; soaks < kMostSoaks && !session_.asked_to_stop(); ++soaks) {
      const BatchPicture now = session_.picture();
      const SizePicture* size = candidate(now);
      if (size == nullptr) break;
      const std::int64_t steps =
          steps_that_fit(*size, soaks == 0 && (near_the_limit(now, *size) || larger_failed(now, *size)));
      if (steps < kLeastSoakSteps) {
        session_.mark_cut_short();
        break;
      }
      const double step_s = static_cast<double>(size->batch) / size->rate;
      TrialMeasure measure{.data = options_.data, .min_seconds = 0, .rel_ci = 1, .min_steps = steps, .validate = true};
      measure.max_seconds = 1 + 2 * static_cast<double>(steps) * step_s;
      const std::int64_t batch = size->batch;
      const bool go_on = session_.run_trial(batch, TrialRole::soak, measure);
      if (session_.trials().back().role != TrialRole::soak) break;  // the user ended it
      if (session_.picture().find(batch)->usable()) {
        soaked_ = batch;
        break;
      }
      failed_soak_ = batch;
      if (!go_on) break;
      measure_below(batch);
    }
  }

  // Where the next smaller measured size is far off, a nearer one is measured first.
  void measure_below(std::int64_t failed) {
    const BatchPicture now = session_.picture();
    const auto nearer = grid_.at_or_below(kBelowFailedSoak * static_cast<double>(failed));
    const SizePicture* next = candidate(now);
    if (next == nullptr || !nearer || *nearer <= next->batch || now.find(*nearer) != nullptr) return;
    const double overrun_s = kOverrun * options_.budget_s;
    if (session_.cost_s(now, *nearer, TrialRole::refine) > session_.left_s() + overrun_s) return;
    session_.run_trial(*nearer, TrialRole::refine, session_.measure_for(TrialRole::refine));
  }

  static bool larger_failed(const BatchPicture& now, const SizePicture& size) {
    return std::ranges::any_of(
        now.sizes, [&](const SizePicture& other) { return other.batch > size.batch && other.fit != Fit::fits; });
  }

  // A soak near the memory's limit, or of what larger ones failed above, may fail: it leaves time for another.
  std::int64_t steps_that_fit(const SizePicture& size, bool may_fail) const {
    const double step_s = static_cast<double>(size.batch) / size.rate;
    const double ahead = session_.left_s() - kForTheEnd * options_.budget_s;
    const double left = std::max(ahead, failed_soak_ ? kOverrun * options_.budget_s : 0.0);
    const double steps = (left - session_.costs().predict_s(1000 * step_s, 0)) / step_s;
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
    const BatchPicture now = session_.picture();
    SearchEnd end;
    end.chosen = soaked_ ? now.find(*soaked_) : candidate(now);
    end.cut_short = session_.cut_short();
    end.cancelled = session_.cancelled();
    end.broken = session_.broken();
    BatchSearchResult result;
    result.seconds = session_.spent_s();
    result.trials = session_.take_trials();
    result.soaked = soaked_.has_value();
    conclude(result, now, options_, end);
    return result;
  }

  const BatchSearchOptions& options_;
  SizeGrid grid_;
  SearchSession session_;
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

#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "wring/base/text.h"
#include "wring/trial/trial.h"
#include "wring/tune/lines.h"
#include "wring/tune/search/types.h"

namespace wring {

struct BatchSearchOptions {
  std::string batch_key = "batch_size";  // the config's key for it
  std::int64_t start_batch = 16;         // the config's own
  std::vector<Assignment> set;           // of every trial, beside the batch
  TrialData data = TrialData::real;

  double epsilon = 0.025;                        // rates closer than this are the same, and the smaller batch is taken
  double budget_s = 30;                          // for everything, the soak included; what runs then is ended
  std::optional<double> stated_budget_s;         // what the user gave for more than the search, and reads of again
  std::int64_t max_batch = 8192;                 // beyond it no photograph trainer was ever seen to gain
  std::int64_t min_batch = 1;                    // the config's own batch here never recommends a smaller one
  std::optional<std::int64_t> host_batch_limit;  // host_memory_limit(): what the loader's queues can hold
  std::optional<std::int64_t> natural_multiple;  // sizes of which the card does in whole waves; a hint

  std::optional<std::int64_t> device_memory_mib;  // what may be used; else from the trials themselves
  std::int64_t min_reserve_mib = 256;             // for fragmentation, whatever the line's residual is
  std::int64_t validation_spike_mib = 0;          // known beforehand; what a trial shows counts where it is more

  std::int64_t soak_steps = 500;      // at most; fewer where the budget ends before
  std::int64_t min_soak_steps = 100;  // a soak of fewer says so
  bool soak = true;
  bool starts_anew = false;  // each trial starts its program: what one costs hardly depends on its step
  bool validates = true;     // the runner has a validation in a soak's middle; false: a soak is one more trial

  std::optional<double> target_gpu_util;  // per cent: reported against
};

// A size that did not run, or does not count as running.
struct FailedSize {
  std::int64_t batch = 0;
  Fit fit = Fit::fails;
  TrialOutcome outcome = TrialOutcome::ok;
  Text how;
};

struct BatchSearchResult {
  std::optional<std::int64_t> batch;  // chosen; always one that was run. Absent: nothing ran
  Text reason;                        // why this one, or why none; whole sentences with their numbers
  Text details;  // of them what holds whatever is made of the choice: memory, soak, what was left out
  std::vector<SearchTrial> trials;  // in the order in which they were run

  LineFit memory_line;  // MiB
  LineFit time_line;    // ms

  std::optional<double> rate;                // samples/s at the chosen batch: median of its trials
  std::optional<double> rate_interval;       // half-width of its 95 % confidence interval, relative
  std::optional<double> best_rate;           // the best measured among sizes that fit
  std::optional<std::int64_t> best_batch;    // and where
  std::optional<double> start_rate;          // at the config's own batch, where it was run
  std::optional<double> gain;                // of the chosen over it, measured in turns: 0.15 is 15 %; absent where the
                                             // config's own is the chosen one or did not run
  std::optional<double> disturbed;           // how much rates of one size differ, where that is too much to compare
  bool larger_does_not_help = false;         // one at least twice as large was run, and no larger one gains more than
                                             // one and a half ε
  std::optional<double> predicted_peak_mib;  // by the memory line through the other sizes
  std::optional<std::int64_t> peak_mib;      // of the chosen batch, the soak included
  std::optional<std::int64_t> reserve_mib;   // that had to stay free
  std::optional<std::int64_t> headroom_mib;  // that stays free
  std::optional<std::int64_t> capacity_mib;  // that this process may take
  std::optional<FailedSize> next_failed;     // the smallest failed size above the chosen one

  bool soaked = false;          // the chosen batch passed its soak; one that did not is not chosen
  std::int64_t soak_steps = 0;  // measured in it
  bool cut_short = false;       // the budget ran out, or the user ended it: `reason` says so
  bool cancelled = false;
  double seconds = 0;

  std::optional<double> gpu_util;       // of the chosen batch, per cent
  std::optional<bool> target_util_met;  // absent: no target, or no reading
  Text target_util_text;                // what was reached, and why not more
  std::vector<Text> notes;              // failures, noise, caps: what to know beside the choice

  // The decisive trial of the chosen batch: its soak, else its last measurement. nullptr where nothing was chosen.
  const SearchTrial* chosen_trial() const;
};

// The config's own batch, which is measured first, unless another gains more than 3 % over it and more than the noise,
// by trials of both in turns; then the smallest batch within ε of the best measured rate that leaves the memory
// reserve: small probes, a jump to the predicted limit or as far as the rate still grows, the size the lines point to,
// its neighbours, the finalists in turns, and a soak. Never returns a size that was not run. Sizes are multiples of 8;
// below 8: 1, 2, 4; and the config's own. On a machine where rates of one size differ by more than a quarter nothing is
// compared: the config's own is returned, and `disturbed` says so. A trial that runs when the budget ends is ended by
// the runner (TrialRequest::time_limit_s). Never throws for trials that fail; what the runner throws passes through.
// Throws Error{usage} for options that cannot be (ε outside (0, 0.5), no positive budget, batch or limit).
BatchSearchResult search_batch(TrialRunner& runner, const BatchSearchOptions& options,
                               const SearchControl& control = {});

}  // namespace wring

#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "wring/base/text.h"
#include "wring/trial/trial.h"
#include "wring/tune/lines.h"

namespace wring {

// Why a trial was run.
enum class TrialRole {
  own,       // the config's own batch, before everything else
  probe,     // sizes around it, from which the lines are fitted
  jump,      // the predicted limit
  verify,    // the size that the lines point to
  refine,    // sizes around it
  compare,   // what was there and what may replace it, in turns
  validate,  // a validation beside a small batch: what memory it takes
  soak,      // many steps with a validation in between: the proof
  confirm,   // all that changes together against the config as it was, in turns
  knob,      // one setting against another (knobs.h)
};
std::string_view role_name(TrialRole role);  // "probe", …: as in JSON

// What a trial says about its size.
enum class Fit {
  fits,
  fails,      // out of memory, an error, a hang, a kill
  retries,    // runs only by giving memory back again and again: counts as not fitting
  no_room,    // runs, and leaves less than the reserve
  collapses,  // near the limit and slower than a smaller size by more than ε: counts as not fitting
  unknown     // the budget ended while it ran
};

// One trial of the search, as it happened.
struct SearchTrial {
  std::int64_t batch = 0;
  TrialRole role = TrialRole::probe;
  TrialRequest request;
  TrialResult result;
  double started_s = 0;                      // since the search began
  double seconds = 0;                        // that it took
  std::optional<double> predicted_peak_mib;  // by the line as it was before this trial
  std::optional<double> predicted_rate;
  Fit fit = Fit::fits;
  Text note;  // what it says, in a few words: "fits", "out of memory: …"
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

// Where a search stands, for a progress line.
struct SearchEvent {
  enum class Kind { started, finished };
  Kind kind = Kind::started;
  const SearchTrial* trial = nullptr;  // without a result when started; valid during the call only
  double spent_s = 0;
  double budget_s = 0;
};

// What a driver needs beside a runner: all optional.
struct SearchControl {
  std::function<void(const SearchEvent&)> on_event;
  std::function<bool()> cancelled;  // asked before every trial
  std::function<double()> now_s;    // seconds on a steady clock; the machine's own when empty
};

}  // namespace wring

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
Text role_text(TrialRole role);              // as a user reads it

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

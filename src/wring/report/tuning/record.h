#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "wring/base/text.h"
#include "wring/findings/finding.h"
#include "wring/plan/planner.h"
#include "wring/plan/run_length.h"
#include "wring/trial/trial.h"
#include "wring/tune/lines.h"

namespace wring {

// One measured trial as it is shown and recorded.
struct RecordedTrial {
  std::int64_t batch_size = 0;
  std::string purpose;  // "probe", "verify", "refine", "soak", "before", "knob", …: why it was run
  TrialRequest request;
  TrialResult result;
  Text verdict;      // what it says of its size, in a few words; empty: what its outcome says
  bool fits = true;  // ran, and counts as running
};

// Whether the utilisation that was asked for is reached.
struct UtilisationTarget {
  double wanted = 0;              // per cent
  std::optional<double> reached;  // GPU-Util of the chosen trial
  std::optional<bool> met;        // absent where it could not be read
  Text text;                      // what was reached, and why not more; whole sentences
};

// The length of the whole run that the config describes.
struct RecordedRun {
  RunLength before;
  RunLength after;
};

// What `wring benchmark` or `wring diagnose` found: one record, read by the text, JSON and HTML sinks alike.
struct TuningRecord {
  std::string program;                                // "wring benchmark"
  std::string version;                                // of Wring
  std::string started;                                // "2025-06-01T12:00:00Z"
  std::string command;                                // as typed, quoted for a shell
  std::filesystem::path config;                       // that was read
  std::filesystem::path output;                       // that was or would be written
  bool written = false;                               // `output` holds the result
  bool interrupted = false;                           // by the user: what follows is what was measured until then
  double seconds = 0;                                 // of the whole search
  std::vector<std::pair<Text, std::string>> machine;  // "GPU" → "NVIDIA H200, 140.4 GiB", …

  std::string batch_key = "batch_size";  // the config's key for it
  std::vector<RecordedTrial> trials;     // in the order in which they were run
  std::optional<Line> memory_mib;        // peak reserved
  std::optional<Line> step_ms;           // median time of a step

  std::optional<std::size_t> before;             // a trial of the config as it was
  std::optional<std::size_t> after;              // a trial of what was chosen
  bool compared = false;                         // the two in turns, all that changes together: the trials of the role
                                                 // "confirm" count before all others, else after them
  std::optional<double> disturbed;               // how much rates of one configuration differ (0.47: 47 %), where that
                                                 // is too much to compare: nothing was chosen
  Text reason;                                   // why this one; empty when nothing could be chosen
  std::vector<Change> changes;                   // of the config
  std::optional<RecordedRun> run;                // absent of another program, whose run is not known
  std::optional<std::int64_t> headroom_mib;      // of the device's memory, beside the chosen trial's peak
  std::optional<double> predicted_peak_mib;      // of the chosen batch, by the line through the others
  std::optional<std::int64_t> next_failed;       // the smallest batch above the chosen one that did not fit
  std::optional<UtilisationTarget> utilisation;  // absent where none was asked for
  std::vector<Finding> verdicts;                 // of a diagnosis, the dominant one first
  std::string next_command;                      // what to type next; "": nothing
  std::vector<Text> notes;                       // learning rate, what was left alone, what to watch

  // Its rate is that of measured_after() (measured.h).
  const RecordedTrial* after_trial() const { return after ? &trials.at(*after) : nullptr; }
};

}  // namespace wring

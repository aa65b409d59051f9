#pragma once
#include <cstdint>
#include <optional>
#include <vector>

#include "wring/report/tuning/record.h"

namespace wring {

// What the trials of a record say of one configuration: a batch, its settings, where its data come from. Sentence,
// table, headline, JSON and page take their numbers from here, so that one fact has one number.
struct Measured {
  std::vector<std::size_t> trials;  // of the record, that count: steps alone, the newest run's where there are older
  std::size_t shown = 0;            // the one among them whose rate lies next to the median; of none the last
  std::optional<double> samples_per_s;   // median; absent where it did not run, or has no rate
  double spread = 0;                     // the highest over the lowest rate, less 1: as spread_of()
  StepTimes step_ms;                     // of `shown`
  std::optional<std::int64_t> peak_mib;  // the highest, soaks and validations included
  std::size_t verdict = 0;               // the trial whose verdict holds: one that failed, else `shown`
};

// Of all trials that asked for the same as this one (an index).
Measured measured_like(const TuningRecord& record, std::size_t trial);

// All of them, by settings and then by batch.
std::vector<Measured> all_measured(const TuningRecord& record);

// Of the config as it was, and of what was chosen.
std::optional<Measured> measured_before(const TuningRecord& record);
std::optional<Measured> measured_after(const TuningRecord& record);

// The rate of the one over that of the other; absent where either did not run, or where nothing changes: two
// measurements of one configuration are noise.
std::optional<double> speed_up(const TuningRecord& record);

}  // namespace wring

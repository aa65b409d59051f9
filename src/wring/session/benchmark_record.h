#pragma once
#include <optional>
#include <vector>

#include "wring/config/reader.h"
#include "wring/report/tuning/record.h"
#include "wring/tune/knobs/knobs.h"
#include "wring/tune/search/advice.h"
#include "wring/tune/search/batch_search.h"

namespace wring {

// What a benchmark found, in the terms of its record. Pure functions.

// What a search says of the batch, into the record: lines, reason, limits, target, notes.
void add_search(TuningRecord& record, const BatchSearchResult& search, double target_gpu_util);

// Why settings that were tried are left as they are, and whether there was time for all.
void add_knobs(TuningRecord& record, const KnobResult& knobs);

// Which of the record's trials stand for the config as it was and for what was chosen. `set`: what every trial had.
void pick_trials(TuningRecord& record, std::int64_t start_batch, std::int64_t chosen_batch,
                 const std::vector<Assignment>& given, const std::vector<Assignment>& kept);

// The reason of a result with settings that were kept, by the rates that the record shows; `details`: what the search
// tells beside its choice.
Text reason_of_settings(const TuningRecord& record, const std::vector<Assignment>& kept, const Text& details);

// The keys that differ from the file, each with its reason: values given with --set, the settings kept, the batch size
// and what goes with it.
std::vector<Change> changes_of(const ConfigFile& file, const TuningRecord& record, const std::vector<Assignment>& given,
                               const std::vector<KnobDecision>& decisions, const BatchAdvice& advice);

}  // namespace wring

#pragma once
#include <optional>

#include "wring/findings/diagnosis_input.h"
#include "wring/session/progress.h"

namespace wring {

// The trials that a diagnosis rests on, one after the other: with the loader, on a resident batch, the loader alone;
// where there is a GPU also the step as a graph and without, in 16 bits, and a batch twice as large (16 at least). What
// does not run but the first is left absent. Throws Error{interrupted} after Ctrl-C.
DiagnosisInput measure_for_diagnosis(TuningSession& session, TuningProgress& progress);

// One trial of the config, with `set` on top of the values of --set.
TrialResult measure(TuningSession& session, TuningProgress& progress, TrialData data,
                    const std::vector<Assignment>& set = {}, const char* purpose = "diagnose");

}  // namespace wring

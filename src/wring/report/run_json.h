#pragma once
#include <nlohmann/json_fwd.hpp>

#include "wring/plan/run_length.h"

namespace wring {

// The members of a whole run's length: total_iters, samples_per_step, samples, pixels.
nlohmann::ordered_json run_json(const RunLength& run);

}  // namespace wring

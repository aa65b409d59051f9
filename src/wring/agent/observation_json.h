#pragma once
#include <nlohmann/json_fwd.hpp>

#include "wring/agent/observation.h"
#include "wring/trial/json_fields.h"

namespace wring {

// What the agent's lines say, both ways: docs/trial_protocol.md has the keys. Reading throws Error{failed} naming the
// field: missing, of a wrong type, out of range. Fields that are not known are passed over.

ObservedProcess read_process(const JsonFields& hello);

// All but the process, which is known by its hello.
Observation read_observation(const JsonFields& done);

nlohmann::ordered_json observation_json(const Observation& observation);

}  // namespace wring

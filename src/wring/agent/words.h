#pragma once
#include <string_view>

#include "wring/agent/observation.h"
#include "wring/base/text.h"
#include "wring/trial/json_fields.h"

namespace wring {

// What the agent says by a key, in both languages.

// A window by its name: "the warm-up". One that is not known stands as it is.
Text window_text(std::string_view phase);

// In the agent's own words where the key is not known, or what belongs to it is missing.
Text reason_text(const AgentReason& reason);

// `words`: the field with the agent's own words; beside it stands "reason", which older agents do not have. Throws
// Error{failed} naming a field of the wrong type.
AgentReason read_reason(const JsonFields& fields, const char* words);

const Text& on_off(bool value);

}  // namespace wring

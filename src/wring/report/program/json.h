#pragma once
#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "wring/agent/silence.h"
#include "wring/report/program/judged.h"

namespace wring {

// What was observed of a process, as the agent's protocol has it, with the members shares, work, findings and their
// reasons where they are absent (docs/diagnose.md). Texts are in the language.
nlohmann::ordered_json judged_json(const JudgedProcess& judged, Language language);

// The processes that gave none, with their reasons.
nlohmann::ordered_json silent_json(const std::vector<SilentProcess>& silent, Language language);

// One cause, as in the list findings.
nlohmann::ordered_json finding_json(const ProgramFinding& found, Language language);

}  // namespace wring

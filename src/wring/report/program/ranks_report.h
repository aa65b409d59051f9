#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "wring/monitor/write/tick_format.h"
#include "wring/report/program/ranks.h"

namespace wring {

// The one verdict on a program of several ranks, in lines that end in '\n': their shares side by side, the straggler,
// and each cause once, with the ranks that have it. `program.verdict` is there.
std::string ranks_text(const JudgedProgram& program, TextStyle style);

// What stands below it of each rank: the facts that are not the same as the first's, and why it has no verdict.
std::vector<Text> rank_facts(const JudgedProgram& program, const JudgedProcess& rank);

// The member `verdict` (docs/diagnose.md); null where there is none.
nlohmann::ordered_json ranks_json(const JudgedProgram& program, Language language);

}  // namespace wring

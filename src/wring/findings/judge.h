#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "wring/findings/finding.h"

namespace wring {

struct DiagnosisInput;
struct Features;
struct ProgramFinding;
struct ProgramInput;

// What a monitor's measurements of one card say, most certain first. Nothing below 20 s of a steady part, and nothing
// without evidence. `disabled`: rules that do not run; throws Error{usage} for a name that is none of verdict_rules().
std::vector<Finding> verdicts(const Features& features, std::span<const std::string> disabled = {});

// Why they find nothing, in half a sentence.
Text why_no_verdict(const Features& features);

// What the trials of a config say, the dominant cause first (by the time that it costs, then by confidence). Empty only
// where `real` did not run or nothing supports a finding. `disabled`: as above, of diagnosis_rules().
std::vector<Finding> diagnose(const DiagnosisInput& input, std::span<const std::string> disabled = {});

// What the trace of a program's steps says, the cause that gives back most first; at the end that nothing holds it
// back. `disabled`: as above, of program_rules().
std::vector<ProgramFinding> diagnose_program(const ProgramInput& input, std::span<const std::string> disabled = {});

// The names of the rules, in the order in which they run.
std::vector<std::string_view> verdict_rules();
std::vector<std::string_view> diagnosis_rules();
std::vector<std::string_view> program_rules();

}  // namespace wring

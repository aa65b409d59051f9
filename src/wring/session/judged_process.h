#pragma once
#include "wring/agent/observation.h"
#include "wring/report/program/judged.h"

namespace wring {

// Reads the process's trace, divides its steps and weighs the causes. What cannot be judged says why: no GPU, too few
// steps, no trace or a damaged one.
JudgedProcess judge_process(Observation seen);

}  // namespace wring

#pragma once
#include "wring/agent/observation.h"
#include "wring/report/program/judged.h"

namespace wring {

// Reads the process's trace, divides its steps and weighs the causes. What cannot be judged says why: no GPU, too few
// steps, no trace or a damaged one.
JudgedProcess judge_process(Observation seen);

// The same in two parts, for ranks that are judged beside each other: what was measured, and what it says.
JudgedProcess measured_process(Observation seen);
// `held_up_ms`: of the collectives, waiting for a straggler.
void weigh_causes(JudgedProcess& one, double held_up_ms = 0);

// Whether there are shares, of enough steps to say something of them.
bool can_be_weighed(const JudgedProcess& one);

}  // namespace wring

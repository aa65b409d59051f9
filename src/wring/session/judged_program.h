#pragma once
#include <vector>

#include "wring/agent/observation.h"
#include "wring/report/program/ranks.h"

namespace wring {

// Judges each process of a program, and where they are ranks that go in step, all of them together: who holds the
// others up, and which causes several of them have.
JudgedProgram judge_program(const std::vector<Observation>& seen);

}  // namespace wring

#pragma once
#include <string>

#include "wring/monitor/write/tick_format.h"
#include "wring/report/program/judged.h"

namespace wring {

// What one process of a program does with a step's time and what holds it back, in lines that end in '\n': the shares
// as a table with bars, what the GPU does, then the causes, the one that gives back most first.
std::string judged_text(const JudgedProcess& judged, TextStyle style);

}  // namespace wring

#pragma once
#include <cstddef>
#include <string>

#include "wring/monitor/write/tick_format.h"
#include "wring/report/program/judged.h"
#include "wring/report/report_lines.h"

namespace wring {

// What one process of a program does with a step's time and what holds it back, in lines that end in '\n': the shares
// as a table with bars, what the GPU does, then the causes, the one that gives back most first.
std::string judged_text(const JudgedProcess& judged, TextStyle style);

// One cause with its number, its evidence and its changes; places stand below the folder of the process.
void add_finding(ReportLines& lines, const ProgramFinding& found, std::size_t number, const ObservedProcess& process);

}  // namespace wring

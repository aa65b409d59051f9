#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "wring/agent/silence.h"
#include "wring/findings/judged_summary.h"
#include "wring/monitor/write/tick_format.h"
#include "wring/report/program/judged.h"

namespace wring {

// One look into a program that is watched, by rank.
struct InsideReport {
  std::vector<JudgedProcess> ranks;
  std::vector<SilentProcess> silent;
  Text reason;   // why there is nothing at all; "" where there is something
  Text way_out;  // what to do about that; "" where nothing is known
};

// The first cause of each process that has one, with the place of its change.
std::vector<InsideFinding> inside_findings(const InsideReport& report);

// Each process with its shares of a step and its causes; one line where there is nothing.
std::string inside_text(const InsideReport& report, TextStyle style);

// {"ranks": …, "silent": …, "reason": …, "way_out": …}, as wring diagnose has them (docs/diagnose.md).
nlohmann::ordered_json inside_json(const InsideReport& report, Language language);

}  // namespace wring

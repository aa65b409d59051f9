#pragma once
#include <span>
#include <string>
#include <vector>

#include "wring/report/program/judged.h"

namespace wring {

// What was found out about a program, for a page.
struct ProgramPage {
  std::string command;  // as a shell reads it
  std::string started;  // UTC
  double waited_s = 0;  // until all was known
  std::string verdict;  // on several ranks, in lines (ranks_report.h); "" for one process
  std::span<const JudgedProcess> ranks;
  std::vector<Text> notes;  // processes that were not measured, how the program ended
  Text reason;              // why nothing was measured; "" beside ranks
  Text way_out;
};

// It as one HTML page that needs no other file and no network: for each rank where a step's time goes, the causes, a
// timeline of one step and the facts. It has no scripts, follows the reader's light or dark setting, and all text from
// outside is escaped. UTF-8; about a megabyte at most, however many events were traced.
std::string program_html(const ProgramPage& page, Language language);

}  // namespace wring

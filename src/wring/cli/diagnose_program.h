#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "wring/agent/messages.h"
#include "wring/console/console.h"

namespace wring {

struct DiagnoseProgramOptions {
  CommonOptions common;
  std::vector<std::string> command;
  AgentRequest request;     // without its folder
  double timeout_s = 600;   // for all measurements, the program's start included
  bool to_the_end = false;  // the program is not ended after them
  std::optional<std::filesystem::path> keep_trace;
  std::optional<std::filesystem::path> report;  // an HTML page
  bool json = false;
  bool without_agent = false;  // look in by torch's profiler alone
};

// Runs any program with the agent in it and says what its steps wait for, on standard error: standard output is the
// program's. With `report` it writes a page of it too. With `json` that goes to standard error too, and one JSON object
// is all of standard output. Returns 130 after Ctrl-C; the program's exit code where it ended by itself with another
// than 0, or `to_the_end`; else 0, or 1 where no process of it could be measured. Throws Error.
int diagnose_program(const DiagnoseProgramOptions& options);

}  // namespace wring

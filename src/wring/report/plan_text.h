#pragma once
#include <filesystem>
#include <optional>
#include <string>

#include "wring/console/console.h"
#include "wring/gpu/inventory.h"
#include "wring/plan/planner.h"

namespace wring {

// Everything that `wring optimize` tells: one record, printed as text or as JSON.
struct OptimizeReport {
  std::filesystem::path config;
  std::filesystem::path output;
  bool written = true;                 // false with --dry-run
  std::optional<Inventory> inventory;  // absent when the card was given on the command line
  Plan plan;
};

// The GPUs found, the old and new values with their reasons, the file and the next command. Nothing when
// quiet.
void print_text(const OptimizeReport& report, const Console& console);

// The same as one JSON object on one line; texts in the console's language.
void print_json(const OptimizeReport& report, const Console& console);

// The command that trains with the output, quoted for a shell.
std::string next_command(const OptimizeReport& report);

}  // namespace wring

#pragma once
#include <filesystem>
#include <optional>
#include <string>

#include "wring/console/console.h"
#include "wring/plan/planner.h"

namespace wring {

struct OptimizeOptions {
  CommonOptions common;
  std::filesystem::path config;
  std::optional<std::filesystem::path> output;  // absent: optimized_path(config)
  bool keep_model = false;
  PerceptualChoice perceptual = PerceptualChoice::as_it_is;
  bool same_samples = false;
  std::string gpu;                   // a card by name instead of this machine's; "": none given
  std::optional<double> gpu_memory;  // or by its memory in GiB
  std::optional<int> gpus;           // how many there are; absent: as many as are found
  bool dry_run = false;
  bool json = false;
};

// Plans the config for this machine, or for the card that the options name, reports and writes it. A dry run makes
// every check of the real one. Returns the output's path. Throws Error.
std::filesystem::path optimize(const OptimizeOptions& options);

// `wring optimize …`. Returns the exit code; throws Error.
int optimize_command(const Arguments& arguments, const CommonOptions& common);

}  // namespace wring

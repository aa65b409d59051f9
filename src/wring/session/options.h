#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "wring/base/device.h"
#include "wring/console/console.h"

namespace wring {

// Another program than wring-train that is to be tuned.
struct TunedCommand {
  std::string command;  // with {config}
  std::string batch_key = "batch_size";
  std::string rate_regex;  // "": the program speaks the trial protocol's lines
  double trial_seconds = 20;
};

// What `wring benchmark` and `wring diagnose` have in common.
struct TuningOptions {
  CommonOptions common;
  std::string command_line;  // as typed, for the record
  std::filesystem::path config;
  std::vector<std::string> set;  // "key=value"
  Device device = Device::automatic;
  bool use_cache = true;
  std::optional<TunedCommand> command;  // absent: wring-train
  std::optional<int> nproc;             // ranks of wring-train that run every trial together

  int ranks() const { return nproc.value_or(1); }
};

}  // namespace wring

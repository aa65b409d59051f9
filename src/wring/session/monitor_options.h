#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "wring/console/console.h"
#include "wring/monitor/write/rotating_log.h"
#include "wring/monitor/write/tick_format.h"

namespace wring {

inline constexpr double kLongestMonitorS = 1e9;  // three decades; more would overflow the clock

struct MonitorOptions {
  CommonOptions common;
  double seconds = 0;  // 0: until interrupted, or as long as the command runs
  double interval_s = 1;
  std::vector<std::string> gpus;     // indices, UUIDs or bus ids; empty: all
  std::optional<TickFormat> format;  // absent: text, and the live view on a terminal
  std::optional<std::filesystem::path> log;
  RotationOptions rotation;
  std::optional<std::filesystem::path> summary;  // the place of the checkpointed summary
  bool strict = false;                           // a missing or lost card is a failure
  std::optional<std::string> serve;              // the web server's address
  bool allow_remote = false;
  std::optional<std::filesystem::path> token_file;
  std::optional<std::filesystem::path> run;  // the folder of a training run whose ranks are watched too
  std::vector<std::string> command;          // run this and watch its time
  bool why = false;                          // and look into it once
};

}  // namespace wring

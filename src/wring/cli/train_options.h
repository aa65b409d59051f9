#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "wring/base/device.h"
#include "wring/console/console.h"

namespace wring {

// What the user typed for the commands that wring-train carries out. Parsed by `wring` too, so that help and
// wrong usage need no LibTorch.

struct TrainOptions {
  CommonOptions common;
  std::filesystem::path config;
  bool resume = false;
  std::vector<std::string> set;  // "key=value"
  Device device = Device::automatic;
  std::filesystem::path experiments = "experiments";  // the folder that holds NAME/
  std::optional<int> nproc;                           // start and supervise so many ranks (process/launch_ranks.h)
};

struct EvaluateOptions {
  CommonOptions common;
  std::optional<std::filesystem::path> checkpoint;  // absent with --bicubic
  std::filesystem::path folder;                     // HR images
  std::optional<std::filesystem::path> lr_folder;
  std::optional<std::filesystem::path> save_folder;  // writes the SR images there
  std::optional<std::filesystem::path> compare;      // a PNG to write with the pictures side by side
  int scale = 4;                                     // with --bicubic; a checkpoint brings its own
  bool json = false;
  Device device = Device::automatic;
};

struct UpscaleOptions {
  CommonOptions common;
  std::filesystem::path checkpoint;
  std::filesystem::path input;  // a file or a folder
  std::optional<std::filesystem::path> output;
  int tile = 256;  // LR pixels on a side, without the overlap; 0: never in tiles
  Device device = Device::automatic;
};

// The options of one command, or the exit code when there is nothing more to do (help or version was printed,
// or the error was).
using TrainRequest = std::variant<TrainOptions, EvaluateOptions, UpscaleOptions, int>;

// argv: the program, then train, evaluate or upscale (common options may come before it), then its arguments.
// What can be checked without reading a config or a checkpoint is checked: the paths exist, values are known
// ones, "key=value" is a pair. Never throws and never exits.
TrainRequest parse_train_program(int argc, char** argv);

}  // namespace wring

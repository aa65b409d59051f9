#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "wring/base/text.h"

namespace wring {

// What the user typed for the commands that wring-train carries out. Parsed by `wring` too, so that help and wrong
// usage need no LibTorch.

enum class Device { automatic, cpu, cuda };

struct CommonOptions {
  Language language = Language::en;
  std::string color = "auto";  // auto, never, always
  bool quiet = false;
};

struct TrainOptions {
  CommonOptions common;
  std::filesystem::path config;
  bool resume = false;
  std::vector<std::string> set;  // "key=value"
  Device device = Device::automatic;
  std::filesystem::path experiments = "experiments";  // the folder that holds NAME/
};

struct EvaluateOptions {
  CommonOptions common;
  std::optional<std::filesystem::path> checkpoint;  // absent with --bicubic
  std::filesystem::path folder;                     // HR images
  std::optional<std::filesystem::path> lr_folder;
  std::optional<std::filesystem::path> save_folder;  // writes the SR images there
  int scale = 4;                                    // with --bicubic; a checkpoint brings its own
  bool json = false;
  Device device = Device::automatic;
};

struct UpscaleOptions {
  CommonOptions common;
  std::filesystem::path checkpoint;
  std::filesystem::path input;   // a file or a folder
  std::optional<std::filesystem::path> output;
  int tile = 256;                // LR pixels on a side, without the overlap; 0: never in tiles
  Device device = Device::automatic;
};

}  // namespace wring

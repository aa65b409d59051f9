#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "wring/base/text.h"
#include "wring/config/train_config.h"

namespace wring {

// What --set did to a config.
struct Overrides {
  std::vector<std::string> assignments;  // "key=value": those given, then those that follow from them
  std::vector<Text> notes;               // of what follows, for the user
};

// Puts the values of --set ("key=value") in the place of a config's own and checks that all work together. A
// total_iters that leaves no room for the warm-up or the milestones of the file shortens them in proportion, unless
// they are given too. Throws Error{usage} naming the assignment, or `path` where the file alone is at fault.
Overrides override_values(TrainConfig& config, const std::vector<std::string>& assignments,
                          const std::filesystem::path& path);

}  // namespace wring

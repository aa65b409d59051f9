#pragma once
#include <string>
#include <vector>

#include "wring/cli/command_description.h"

namespace wring {

// Scripts that complete commands, options, their values, and the keys of configurations. `programs`: `wring` first, its
// commands, and optimize_gpu.
std::string bash_completion(const std::vector<CommandDescription>& programs);
std::string zsh_completion(const std::vector<CommandDescription>& programs);
std::string fish_completion(const std::vector<CommandDescription>& programs);

}  // namespace wring

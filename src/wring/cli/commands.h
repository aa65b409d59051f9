#pragma once
#include <string>
#include <vector>

#include "wring/console/console.h"

namespace wring {

// `wring --lang zh optimize X` → {"optimize", {"--lang", "zh", "X"}}: common options may stand on either
// side.
struct CommandLine {
  std::string command;  // "" when there is none
  Arguments arguments;
};

CommandLine split_command(const Arguments& arguments);

// "wring has no command 'optimise'", with the nearest of `known` or all of them.
Error unknown_command(const std::string& program, const std::string& command, const std::vector<std::string>& known);

}  // namespace wring

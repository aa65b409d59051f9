#pragma once
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "wring/base/text.h"

namespace wring {

struct OptionDescription {
  std::vector<std::string> flags;  // "-o", "--output"; of an argument its name ("CONFIG")
  std::string value;               // what stands for the value ("OUT", "auto|cpu|cuda"); "" for a flag
  Text help;
};

struct Example {
  std::string command;
  Text why;
};

// What a command's parser knows about its command: the one source of its help, manual page and shell completion.
struct CommandDescription {
  std::string name;   // as the user types it: "wring optimize"
  std::string usage;  // what follows it: "CONFIG [-o OUT]"
  Text summary;
  std::vector<std::pair<std::string, Text>> commands;  // of `wring` itself
  std::vector<OptionDescription> arguments;
  std::vector<OptionDescription> options;
  std::vector<OptionDescription> common;  // those of every command
  std::vector<Example> examples;
};

// The description that the first CommandParser::parse() within `command` ends with, which then does nothing else and
// returns 0. On this thread only.
CommandDescription describe_command(const std::function<void()>& command);

}  // namespace wring

#pragma once
#include <CLI/CLI.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "wring/cli/common_options.h"

namespace wring {

// The options of one command: CLI11 does the parsing, this class gives every command the common options, help
// in both languages, and errors in Wring's manner. Prints only help and version; never exits.
class CommandParser {
 public:
  // name: as the user types it ("wring optimize"). usage: what follows it ("CONFIG [-o OUT]").
  // `common` receives the common options; its language decides the language of the help.
  CommandParser(std::string name, std::string usage, Text summary, CommonOptions& common);

  // A required or optional argument without a flag.
  template <typename T>
  CLI::Option* argument(const std::string& name, T& into, const Text& help) {
    arguments_.push_back({name, help});
    return app_.add_option(name, into);
  }

  // flags: "-o,--output"; value: what stands for the value in the help ("OUT").
  template <typename T>
  CLI::Option* option(const std::string& flags, const std::string& value, T& into, const Text& help) {
    add_row(flags, value, help);
    return app_.add_option(flags, into)->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  }

  // An option that can be given several times; every time takes one value.
  CLI::Option* repeated(const std::string& flags, const std::string& value, std::vector<std::string>& into,
                        const Text& help);

  CLI::Option* flag(const std::string& flags, bool& into, const Text& help);

  // A line of the help's examples.
  void example(std::string command) { examples_.push_back(std::move(command)); }

  // Absent: go on. A value: help or version was printed, return it. Throws Error{usage} for wrong usage.
  std::optional<int> parse(const Arguments& arguments);

  // The commands that stand before the options in the help of `wring` itself.
  void commands(std::vector<std::pair<std::string, Text>> rows) { commands_ = std::move(rows); }
  std::string help() const;

 private:
  struct Row {
    std::string left;
    Text help;
  };

  void add_row(const std::string& flags, const std::string& value, const Text& help);
  void add_common_options();
  Error usage_error(const CLI::ParseError& error) const;
  Error unexpected(const std::string& argument) const;

  CLI::App app_;
  std::string name_;
  std::string usage_;
  Text summary_;
  CommonOptions& common_;
  std::string language_;  // as typed
  std::vector<std::pair<std::string, Text>> commands_;
  std::vector<Row> arguments_;
  std::vector<Row> options_;
  std::vector<Row> common_rows_;
  std::vector<std::string> long_flags_;
  std::vector<std::string> examples_;
};

// Throws Error{usage} naming the option, the value and the choices (with the nearest) unless the value is a
// choice.
void require_choice(const std::string& option, const std::string& value,
                    const std::vector<std::string>& choices);

// "did you mean 'x'?", or nothing when no candidate is near.
std::optional<Text> did_you_mean(const std::string& name, const std::vector<std::string>& candidates);

}  // namespace wring

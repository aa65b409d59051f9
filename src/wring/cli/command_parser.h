#pragma once
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "wring/cli/command_description.h"
#include "wring/console/console.h"

namespace CLI {  // only named: including CLI11 would cost every command half a minute of compilation
class App;
class ParseError;
}  // namespace CLI

namespace wring {

// The options of one command: CLI11 does the parsing, this class gives every command the common options, help
// in both languages, and errors in Wring's manner. Prints only help and version; never exits.
class CommandParser {
 public:
  // name: as the user types it ("wring optimize"). usage: what follows it ("CONFIG [-o OUT]").
  // `common` receives the common options; its language decides the language of the help.
  CommandParser(std::string name, std::string usage, Text summary, CommonOptions& common);
  ~CommandParser();

  // T is std::string, a path, an int, a double, or std::optional of one of them; the definitions are
  // instantiated for what the commands use.

  // An argument without a flag that must be there.
  template <typename T>
  void argument(const std::string& name, T& into, const Text& help);

  // Any number of arguments without a flag.
  void arguments(const std::string& name, std::vector<std::string>& into, const Text& help);

  // flags: "-o,--output"; value: what stands for the value in the help ("OUT"). The last one given counts.
  template <typename T>
  void option(const std::string& flags, const std::string& value, T& into, const Text& help);

  // An option that can be given several times; every time takes one value.
  void repeated(const std::string& flags, const std::string& value, std::vector<std::string>& into, const Text& help);

  void flag(const std::string& flags, bool& into, const Text& help);

  // The two options cannot be given together.
  void exclude(const std::string& flag, const std::string& other);

  // A line of the help's examples, and what it is good for.
  void example(std::string command, Text why);

  // Absent: go on. A value: help or version was printed, return it. Throws Error{usage} for wrong usage.
  std::optional<int> parse(const Arguments& arguments);

  // The commands that stand before the options in the help of `wring` itself.
  void commands(std::vector<std::pair<std::string, Text>> rows) { description_.commands = std::move(rows); }
  std::string help() const;

 private:
  void add_row(const std::string& flags, const std::string& value, const Text& help);
  void add_common_options();
  Error usage_error(const CLI::ParseError& error) const;
  Error unexpected(const std::string& argument) const;
  void refuse_empty_values() const;

  std::unique_ptr<CLI::App> app_;
  CommandDescription description_;
  CommonOptions& common_;
  std::string language_;  // as typed
};

// Throws Error{usage} naming the option, the value and the choices (with the nearest) unless the value is a
// choice.
void require_choice(const std::string& option, const std::string& value, const std::vector<std::string>& choices);

// "did you mean 'x'?", or nothing when no candidate is near.
std::optional<Text> did_you_mean(const std::string& name, const std::vector<std::string>& candidates);

}  // namespace wring

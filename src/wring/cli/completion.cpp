#include "wring/cli/completion.h"

#include <algorithm>
#include <cctype>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "wring/config/keys.h"

namespace wring {
namespace {

enum class ValueKind { none, choices, folder, file, setting, other };

// "auto|cpu|cuda" → its words; a word in capitals ("all|none|LIST") stands for something else and is left out.
std::vector<std::string> choices_of(const std::string& value) {
  std::vector<std::string> words;
  if (value.find('|') == std::string::npos) return words;
  for (std::size_t begin = 0; begin <= value.size();) {
    const std::size_t end = std::min(value.find('|', begin), value.size());
    const std::string word = value.substr(begin, end - begin);
    if (std::ranges::none_of(word, [](unsigned char c) { return std::isupper(c) != 0; })) words.push_back(word);
    begin = end + 1;
  }
  return words;
}

ValueKind kind_of(const std::string& value) {
  if (value.empty()) return ValueKind::none;
  if (!choices_of(value).empty()) return ValueKind::choices;
  if (value == "KEY=VALUE") return ValueKind::setting;
  if (value == "DIR") return ValueKind::folder;
  if (value == "FILE" || value == "FILE.png" || value == "PATH" || value.starts_with("OUT")) return ValueKind::file;
  return ValueKind::other;
}

// The word after "wring": "" for wring itself and for other programs.
std::string command_word(const CommandDescription& command) {
  const std::size_t blank = command.name.find(' ');
  return blank == std::string::npos ? "" : command.name.substr(blank + 1);
}

std::vector<OptionDescription> all_options(const CommandDescription& command) {
  std::vector<OptionDescription> all = command.options;
  all.insert(all.end(), command.common.begin(), command.common.end());
  return all;
}

std::string flags_of(const CommandDescription& command) {
  std::vector<std::string> flags;
  for (const OptionDescription& option : all_options(command)) {
    flags.insert(flags.end(), option.flags.begin(), option.flags.end());
  }
  return fmt::format("{}", fmt::join(flags, " "));
}

std::string settings() {
  std::string words;
  for (const std::string& key : key_names()) words += fmt::format("{}= ", key);
  return words;
}

// What stands in a single-quoted word of the shell.
std::string in_quotes(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\'') out += "'\\'";  // closes, a quote alone, and below opens again
    out += c;
  }
  return out;
}

// One branch a flag: what may follow it. Flags whose value nobody can guess get no proposal.
std::string bash_values(const CommandDescription& command) {
  std::string cases;
  for (const OptionDescription& option : all_options(command)) {
    const ValueKind kind = kind_of(option.value);
    if (kind == ValueKind::none) continue;
    std::string proposal = "return";
    if (kind == ValueKind::choices)
      proposal = fmt::format("_wring_words \"{}\"", fmt::join(choices_of(option.value), " "));
    if (kind == ValueKind::folder) proposal = "_wring_files -d";
    if (kind == ValueKind::file) proposal = "_wring_files -f";
    if (kind == ValueKind::setting) proposal = fmt::format("compopt -o nospace; _wring_words \"{}\"", settings());
    cases += fmt::format("        {}) {}; return ;;\n", fmt::join(option.flags, "|"), proposal);
  }
  return cases;
}

std::string bash_branch(const CommandDescription& command) {
  const std::string word = command_word(command);
  const std::string pattern = command.name == "wring" ? "''" : word.empty() ? command.name : word;
  std::string words;
  for (const auto& [name, summary] : command.commands) words += fmt::format("{} ", name);
  return fmt::format(R"(    {})
      case "$previous" in
{}      esac
      options="{}"; words="{}" ;;
)",
                     pattern, bash_values(command), flags_of(command), words);
}

constexpr const char* kBashHead = R"(# bash completion of wring and optimize_gpu
_wring_words() { COMPREPLY=($(compgen -W "$1" -- "$current")); }
_wring_files() {
  compopt -o filenames
  local IFS=$'\n'
  COMPREPLY=($(compgen "$1" -- "$current"))
}
_wring() {
  local current="${COMP_WORDS[COMP_CWORD]}" previous="${COMP_WORDS[COMP_CWORD-1]}" command= options words i
  if [[ ${COMP_WORDS[0]##*/} == optimize_gpu ]]; then
    command=optimize_gpu
  else
    for ((i = 1; i < COMP_CWORD; i++)); do
      case "${COMP_WORDS[i]}" in
        --lang|--color) ((i++)) ;;
        -*) ;;
        *) command="${COMP_WORDS[i]}"; break ;;
      esac
    done
  fi
  case "$command" in
)";

constexpr const char* kBashTail = R"(    *) return ;;
  esac
  if [[ $current == -* ]]; then
    _wring_words "$options"
  elif [[ -n $words ]]; then
    _wring_words "$words"
  else
    _wring_files -f
  fi
}
complete -F _wring wring optimize_gpu
)";

// '-o,--output' of _arguments: every flag excludes its twins, and the help stands in brackets.
std::string zsh_options(const CommandDescription& command) {
  std::string rows;
  for (const OptionDescription& option : all_options(command)) {
    std::string action;
    switch (kind_of(option.value)) {
      case ValueKind::none:
        break;
      case ValueKind::choices:
        action = fmt::format(":value:({})", fmt::join(choices_of(option.value), " "));
        break;
      case ValueKind::folder:
        action = ":folder:_files -/";
        break;
      case ValueKind::file:
        action = ":file:_files";
        break;
      case ValueKind::setting:
        action = fmt::format(":setting:({})", settings());
        break;
      case ValueKind::other:
        action = ":value: ";
        break;
    }
    std::string help = option.help.en;
    for (const char special : {'[', ']', ':'}) {
      for (std::size_t at = 0; (at = help.find(special, at)) != std::string::npos; at += 2) help.insert(at, 1, '\\');
    }
    const std::string repeat = option.value == "KEY=VALUE" ? "*" : "";
    for (const std::string& flag : option.flags) {
      rows += fmt::format("        '{}{}[{}]{}' \\\n", repeat, flag, in_quotes(help), in_quotes(action));
    }
  }
  return rows + "        '*:file:_files'\n";
}

std::string fish_condition(const CommandDescription& command) {
  if (command.name == "optimize_gpu") return "-c optimize_gpu";
  const std::string word = command_word(command);
  return word.empty() ? "-c wring -n __fish_use_subcommand"
                      : fmt::format("-c wring -n '__fish_seen_subcommand_from {}'", word);
}

}  // namespace

std::string bash_completion(const std::vector<CommandDescription>& programs) {
  std::string script = kBashHead;
  for (const CommandDescription& program : programs) script += bash_branch(program);
  return script + kBashTail;
}

std::string zsh_completion(const std::vector<CommandDescription>& programs) {
  std::string script =
      "#compdef wring optimize_gpu\n_wring() {\n  local command=$words[2]\n"
      "  [[ ${words[1]:t} == optimize_gpu ]] && command=optimize_gpu\n";
  script +=
      "  if (( CURRENT == 2 )) && [[ $command != optimize_gpu && $PREFIX != -* ]]; then\n    local -a commands=(\n";
  for (const auto& [name, summary] : programs.front().commands) {
    script += fmt::format("      '{}:{}'\n", name, in_quotes(summary.en));
  }
  script += "    )\n    _describe command commands\n    return\n  fi\n  case $command in\n";
  for (const CommandDescription& program : programs) {
    const std::string word = command_word(program);
    if (program.name == "wring") continue;
    script += fmt::format("    {})\n      _arguments \\\n{}      ;;\n", word.empty() ? program.name : word,
                          zsh_options(program));
  }
  return script + fmt::format("    *)\n      _arguments \\\n{}      ;;\n  esac\n}}\n_wring \"$@\"\n",
                              zsh_options(programs.front()));
}

std::string fish_completion(const std::vector<CommandDescription>& programs) {
  std::string script = "# fish completion of wring and optimize_gpu\n";
  for (const auto& [name, summary] : programs.front().commands) {
    script += fmt::format("complete -c wring -n __fish_use_subcommand -f -a {} -d '{}'\n", name, in_quotes(summary.en));
  }
  for (const CommandDescription& program : programs) {
    for (const OptionDescription& option : all_options(program)) {
      std::string line = fmt::format("complete {}", fish_condition(program));
      for (const std::string& flag : option.flags) {
        line += flag.starts_with("--") ? fmt::format(" -l {}", flag.substr(2)) : fmt::format(" -s {}", flag.substr(1));
      }
      const ValueKind kind = kind_of(option.value);
      if (kind == ValueKind::choices) line += fmt::format(" -x -a '{}'", fmt::join(choices_of(option.value), " "));
      if (kind == ValueKind::setting) line += fmt::format(" -x -a '{}'", settings());
      if (kind == ValueKind::folder) line += " -x -a '(__fish_complete_directories)'";
      if (kind == ValueKind::file) line += " -r";
      if (kind == ValueKind::other) line += " -x";
      script += fmt::format("{} -d '{}'\n", line, in_quotes(option.help.en));
    }
  }
  return script;
}

}  // namespace wring

#include "wring/cli/command_parser.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "wring/base/locale.h"
#include "wring/base/message.h"
#include "wring/base/nearest.h"
#include "wring/console/terminal.h"

namespace wring {
namespace {

// "-o,--output" → {"-o", "--output"}
std::vector<std::string> split_flags(const std::string& flags) {
  const auto comma = flags.find(',');
  if (comma == std::string::npos) return {flags};
  return {flags.substr(0, comma), flags.substr(comma + 1)};
}

// Where describe_command() waits for a description.
thread_local CommandDescription* wanted_description = nullptr;

// "-o, --output OUT", the long flags below each other.
std::string left_of(const OptionDescription& row) {
  const bool long_only = row.flags.size() == 1 && row.flags.front().starts_with("--");
  const std::string left = fmt::format("{}{}", long_only ? "    " : "", fmt::join(row.flags, ", "));
  return row.value.empty() ? left : left + " " + row.value;
}

std::vector<std::string> long_flags(const CommandDescription& description) {
  std::vector<std::string> flags;
  for (const auto* rows : {&description.options, &description.common}) {
    for (const OptionDescription& row : *rows) flags.push_back(row.flags.back());
  }
  return flags;
}

constexpr int kNarrowestHelp = 30;  // columns of text; on a narrower terminal the terminal breaks the lines
constexpr int kUsualColumns = 100;  // where there is no terminal
constexpr int kWidestLeft = 34;     // a longer option has its text on the next line

}  // namespace

CommandDescription describe_command(const std::function<void()>& command) {
  CommandDescription description;
  wanted_description = &description;
  command();
  wanted_description = nullptr;
  return description;
}

CommandParser::CommandParser(std::string name, std::string usage, Text summary, CommonOptions& common)
    : app_(std::make_unique<CLI::App>()), common_(common) {
  description_.name = std::move(name);
  description_.usage = std::move(usage);
  description_.summary = std::move(summary);
  app_->set_help_flag("-h,--help");
  app_->set_version_flag("--version", "wring " WRING_VERSION);
  add_common_options();
}

void CommandParser::add_row(const std::string& flags, const std::string& value, const Text& help) {
  description_.options.push_back({split_flags(flags), value, help});
}

void CommandParser::example(std::string command, Text why) {
  description_.examples.push_back({std::move(command), std::move(why)});
}

CommandParser::~CommandParser() = default;

template <typename T>
void CommandParser::argument(const std::string& name, T& into, const Text& help) {
  description_.arguments.push_back({{name}, "", help});
  app_->add_option(name, into)->required();
}
template void CommandParser::argument(const std::string&, std::filesystem::path&, const Text&);
template void CommandParser::argument(const std::string&, std::string&, const Text&);

void CommandParser::arguments(const std::string& name, std::vector<std::string>& into, const Text& help) {
  description_.arguments.push_back({{name}, "", help});
  app_->add_option(name, into);
}

template <typename T>
void CommandParser::option(const std::string& flags, const std::string& value, T& into, const Text& help) {
  add_row(flags, value, help);
  app_->add_option(flags, into)->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
}
using Name = const std::string&;
template void CommandParser::option(Name, Name, std::string&, const Text&);
template void CommandParser::option(Name, Name, int&, const Text&);
template void CommandParser::option(Name, Name, std::filesystem::path&, const Text&);
template void CommandParser::option(Name, Name, double&, const Text&);
template void CommandParser::option(Name, Name, std::optional<std::string>&, const Text&);
template void CommandParser::option(Name, Name, std::optional<int>&, const Text&);
template void CommandParser::option(Name, Name, std::optional<double>&, const Text&);
template void CommandParser::option(Name, Name, std::optional<std::filesystem::path>&, const Text&);

void CommandParser::repeated(const std::string& flags, const std::string& value, std::vector<std::string>& into,
                             const Text& help) {
  add_row(flags, value, help);
  app_->add_option(flags, into)->allow_extra_args(false);
}

void CommandParser::flag(const std::string& flags, bool& into, const Text& help) {
  add_row(flags, "", help);
  app_->add_flag(flags, into)->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
}

void CommandParser::exclude(const std::string& flag, const std::string& other) {
  app_->get_option(flag)->excludes(other);
}

void CommandParser::add_common_options() {
  option("--lang", "en|zh", language_,
         {"language of the messages (default: the locale's)", "消息语言（默认按区域设置）"});
  option("--color", "auto|never|always", common_.color, {"colours in the output", "输出是否着色"});
  flag("--quiet", common_.quiet, {"print errors only", "只输出错误"});
  add_row("-h,--help", "", {"show this help", "显示此帮助"});
  add_row("--version", "", {"show the version", "显示版本"});
  description_.common.swap(description_.options);
}

std::optional<int> CommandParser::parse(const Arguments& arguments) {
  if (wanted_description != nullptr) {
    *std::exchange(wanted_description, nullptr) = description_;
    return 0;
  }
  try {
    app_->parse(Arguments(arguments.rbegin(), arguments.rend()));  // CLI11 takes them last one first
  } catch (const CLI::CallForHelp&) {
    write_painted_output(help());
    return 0;
  } catch (const CLI::CallForVersion&) {
    print_out("wring {}\n", WRING_VERSION);
    return 0;
  } catch (const CLI::ParseError& error) {
    throw usage_error(error);
  }
  refuse_empty_values();
  if (!language_.empty()) {
    require_choice("--lang", language_, {"en", "zh"});
    common_.language = shown_language(parse_language(language_));
  }
  require_choice("--color", common_.color, {"auto", "never", "always"});
  return std::nullopt;
}

// An unset variable of a shell ("--nproc $N" in quotes) must not be taken for an option that was not given.
void CommandParser::refuse_empty_values() const {
  for (const CLI::Option* option : app_->get_options()) {
    const std::vector<std::string>& values = option->results();
    if (std::ranges::find(values, "") == values.end()) continue;
    const std::string name = option->get_name();
    throw Error(ErrorCode::usage, {"{}: the value is empty", "{}：值为空", name},
                {"give a value, or leave it out; a variable of the shell may be unset",
                 "请给出一个值，或省略它；也可能是 shell 变量未设置"});
  }
}

std::string CommandParser::help() const {
  const Console console = console_for(common_);
  const auto title = [&](const Text& text) { return paint(console.text(text), Ink::bold, console.color_out); };
  const int columns = terminal_columns().value_or(kUsualColumns);
  std::string out;
  for (const std::string& line : wrap(console.text(description_.summary), columns)) out += line + "\n";
  out += fmt::format("\n{}{} {}\n", title({"Usage: ", "用法："}), description_.name, description_.usage);

  int width = 0;
  for (const auto* rows : {&description_.arguments, &description_.options, &description_.common}) {
    for (const OptionDescription& row : *rows) {
      if (display_width(left_of(row)) <= kWidestLeft) width = std::max(width, display_width(left_of(row)));
    }
  }
  const auto add_row = [&](const std::string& left, const Text& help) {
    const std::string margin(static_cast<std::size_t>(width) + 4, ' ');
    out += display_width(left) <= width ? fmt::format("  {}  ", pad_to(left, width))
                                        : fmt::format("  {}\n{}", left, margin);
    bool first = true;
    for (const std::string& line : wrap(console.text(help), std::max(kNarrowestHelp, columns - width - 4))) {
      out += fmt::format("{}{}\n", first ? "" : margin, line);
      first = false;
    }
  };
  const auto section = [&](const Text& heading, const std::vector<OptionDescription>& rows) {
    if (!rows.empty()) out += fmt::format("\n{}\n", title(heading));
    for (const OptionDescription& row : rows) add_row(left_of(row), row.help);
  };
  if (!description_.commands.empty()) out += fmt::format("\n{}\n", title({"Commands:", "命令："}));
  for (const auto& [command, summary] : description_.commands) add_row(command, summary);
  section({"Arguments:", "参数："}, description_.arguments);
  section({"Options:", "选项："}, description_.options);
  section({"Options of every command:", "所有命令通用的选项："}, description_.common);
  if (!description_.examples.empty()) out += fmt::format("\n{}\n", title({"Examples:", "示例："}));
  for (const Example& example : description_.examples) {
    out += fmt::format("  {}\n      {}\n", example.command, console.text(example.why));
  }
  return console.utf8 ? out : to_ascii(out);
}

Error CommandParser::unexpected(const std::string& argument) const {
  const Text see_help{"see {} --help", "请查看 {} --help", description_.name};
  if (!argument.starts_with('-')) {
    return Error(ErrorCode::usage, {"unexpected argument '{}'", "多余的参数“{}”", argument}, see_help);
  }
  const std::string option = argument.substr(0, argument.find('='));
  const auto near = did_you_mean(option, long_flags(description_));
  return Error(ErrorCode::usage, {"{} has no option '{}'", "{} 没有选项“{}”", description_.name, option},
               near ? *near : see_help);
}

// CLI11 gives the names only inside its English sentences, so they are cut out of those.
Error CommandParser::usage_error(const CLI::ParseError& error) const {
  const std::string words = error.what();
  const Text usage{"usage: {} {}", "用法：{} {}", description_.name, description_.usage};
  const auto before = [&](std::string_view mark) { return words.substr(0, words.find(mark)); };
  const auto after = [&](std::string_view mark) { return words.substr(words.find(mark) + mark.size()); };
  if (dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr) return unexpected(app_->remaining().front());
  if (dynamic_cast<const CLI::RequiredError*>(&error) != nullptr) {
    const std::string name = before(" is required");
    return Error(ErrorCode::usage, {"{} is missing", "缺少 {}", name}, usage);
  }
  if (dynamic_cast<const CLI::ConversionError*>(&error) != nullptr && words.find(" = ") != std::string::npos) {
    const std::string name = before(" = ").substr(before(" = ").rfind(' ') + 1), value = after(" = ");
    return Error(ErrorCode::usage, {"{}: '{}' is not a number", "{}：“{}”不是数字", name, value}, usage);
  }
  if (dynamic_cast<const CLI::ArgumentMismatch*>(&error) != nullptr && words.find(" missing") != std::string::npos) {
    const std::string name = before(":");
    return Error(ErrorCode::usage, {"{} needs a value", "{} 需要一个值", name}, usage);
  }
  if (dynamic_cast<const CLI::ExcludesError*>(&error) != nullptr) {
    const std::string a = before(" excludes "), b = after(" excludes ");
    return Error(ErrorCode::usage, {"{} and {} cannot be given together", "{} 与 {} 不能同时使用", a, b}, usage);
  }
  return Error(ErrorCode::usage, words, usage);
}

void require_choice(const std::string& option, const std::string& value, const std::vector<std::string>& choices) {
  if (std::find(choices.begin(), choices.end(), value) != choices.end()) return;
  throw Error(
      ErrorCode::usage, {"{}: '{}' is not one of its values", "{}：“{}”不是可用的值", option, value},
      {fmt::format("use one of: {}", fmt::join(choices, ", ")), fmt::format("可用的值：{}", fmt::join(choices, "、"))});
}

std::optional<Text> did_you_mean(const std::string& name, const std::vector<std::string>& candidates) {
  const std::string near = nearest_name(name, candidates);
  if (near.empty()) return std::nullopt;
  return Text{"did you mean '{}'?", "您是否想输入“{}”？", near};
}

}  // namespace wring

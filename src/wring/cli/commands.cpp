#include "wring/cli/commands.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "wring/cli/command_parser.h"

namespace wring {

CommandLine split_command(const Arguments& arguments) {
  CommandLine line;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (!arguments[i].starts_with('-') && line.command.empty()) {
      line.command = arguments[i];
      line.arguments.insert(line.arguments.end(), arguments.begin() + static_cast<std::ptrdiff_t>(i) + 1,
                            arguments.end());
      break;
    }
    line.arguments.push_back(arguments[i]);
    const bool takes_value = arguments[i] == "--lang" || arguments[i] == "--color";
    if (takes_value && i + 1 < arguments.size()) line.arguments.push_back(arguments[++i]);
  }
  return line;
}

Error unknown_command(const std::string& program, const std::string& command, const std::vector<std::string>& known) {
  const auto near = did_you_mean(command, known);
  const Text all{fmt::format("the commands are: {}", fmt::join(known, ", ")),
                 fmt::format("可用命令：{}", fmt::join(known, "、"))};
  return Error(ErrorCode::usage, {"{} has no command '{}'", "{} 没有命令“{}”", program, command}, near ? *near : all);
}

}  // namespace wring

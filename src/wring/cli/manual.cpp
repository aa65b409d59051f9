#include "wring/cli/manual.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace wring {
namespace {

// A backslash begins an escape of roff, a dot or an apostrophe at the start of a line a request, and a bare minus may
// become a typographic hyphen, which cannot be pasted into a shell.
std::string roff(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else if (c == '"') {
      out += "\\(dq";
    } else if ((c == '.' || c == '\'') && out.empty()) {
      out += fmt::format("\\&{}", c);
    } else {
      out += c;
    }
  }
  return out;
}

const std::vector<std::pair<std::string, Text>>& exit_codes() {
  static const std::vector<std::pair<std::string, Text>> rows = {
      {"0", {"done", "完成"}},
      {"1", {"failed; two lines say what is wrong and what to do", "失败；两行信息说明问题和解决办法"}},
      {"2", {"wrong usage, or a mistake in a configuration", "用法错误或配置有误"}},
      {"3", {"no GPU where one is needed", "需要 GPU 而没有"}},
      {"130", {"interrupted; what was trained or measured is saved", "被中断；已训练或测量的内容已保存"}}};
  return rows;
}

}  // namespace

std::string page_name(const CommandDescription& command) {
  std::string name = command.name;
  for (char& c : name) c = c == ' ' ? '-' : c;
  return name;
}

std::string manual_page(const CommandDescription& command, const std::vector<std::string>& related, Language language) {
  const auto say = [&](const Text& text) { return roff(text.in(language)); };
  const auto section = [&](const Text& title) { return fmt::format(".SH {}\n", say(title)); };
  std::string page = fmt::format(".TH {} 1 \"\" \"wring {}\" \"Wring\"\n", page_name(command), WRING_VERSION);
  page += section({"NAME", "名称"}) + fmt::format("{} \\- {}\n", roff(page_name(command)), say(command.summary));
  page += section({"SYNOPSIS", "用法"}) + fmt::format(".B {}\n{}\n", roff(command.name), roff(command.usage));
  const auto row = [&](const std::string& left, const Text& help) {
    page += fmt::format(".TP\n{}\n{}\n", left, say(help));
  };
  if (!command.commands.empty()) page += section({"COMMANDS", "命令"});
  for (const auto& [name, summary] : command.commands) row(fmt::format("\\fB{}\\fR", roff(name)), summary);
  const auto rows = [&](const Text& title, const std::vector<OptionDescription>& options) {
    if (!options.empty()) page += section(title);
    for (const OptionDescription& option : options) {
      std::vector<std::string> flags;
      for (const std::string& flag : option.flags) flags.push_back(fmt::format("\\fB{}\\fR", roff(flag)));
      row(fmt::format("{}{}", fmt::join(flags, ", "),
                      option.value.empty() ? "" : fmt::format(" \\fI{}\\fR", roff(option.value))),
          option.help);
    }
  };
  rows({"ARGUMENTS", "参数"}, command.arguments);
  rows({"OPTIONS", "选项"}, command.options);
  rows({"OPTIONS OF EVERY COMMAND", "所有命令通用的选项"}, command.common);
  if (!command.examples.empty()) page += section({"EXAMPLES", "示例"});
  for (const Example& example : command.examples) row(fmt::format("\\fB{}\\fR", roff(example.command)), example.why);
  page += section({"EXIT STATUS", "退出码"});
  for (const auto& [code, meaning] : exit_codes()) row(code, meaning);
  page += section({"SEE ALSO", "另见"});
  std::string also;
  for (const std::string& name : related) {
    if (name != page_name(command)) also += fmt::format("{}.BR {} (1)", also.empty() ? "" : " ,\n", roff(name));
  }
  return page + also + "\n";
}

}  // namespace wring

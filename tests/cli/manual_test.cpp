// What is generated from the commands' descriptions: manual pages and shell completion.
#include "wring/cli/manual.h"

#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fixtures/programs.h"
#include "wring/cli/program.h"

namespace wring {
namespace {

using namespace testing_support;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsSupersetOf;
using testing::Not;

const CommandDescription& program(const std::string& name) {
  static const std::vector<CommandDescription> all = describe_programs();
  for (const CommandDescription& one : all) {
    if (one.name == name) return one;
  }
  throw std::runtime_error("there is no " + name);
}

TEST(Manual, HasEveryOptionOfTheHelpWithItsText) {
  for (const char* name : {"wring optimize", "wring train", "wring monitor", "optimize_gpu"}) {
    const std::string page = manual_page(program(name), {"wring", "wring-optimize"}, Language::en);
    for (const OptionDescription& option : program(name).options) {
      std::string flag = option.flags.back();
      for (std::size_t at = 0; (at = flag.find('-', at)) != std::string::npos; at += 2) flag.insert(at, 1, '\\');
      EXPECT_THAT(page, HasSubstr("\\fB" + flag + "\\fR")) << name;
    }
    EXPECT_THAT(page, AllOf(HasSubstr(".SH EXAMPLES"), HasSubstr(".SH EXIT STATUS"), HasSubstr(".BR wring (1)")));
  }
}

TEST(Manual, IsChineseInZh) {
  EXPECT_THAT(manual_page(program("wring optimize"), {"wring"}, Language::zh),
              AllOf(HasSubstr(".SH 选项"), HasSubstr("要写入的文件")));
}

TEST(Manual, TextIsNoRequestOfRoff) {
  CommandDescription command;
  command.name = "x";
  command.summary = ".so /etc/passwd \\ \"a-b\"";
  const std::string page = manual_page(command, {"y"}, Language::en);
  EXPECT_THAT(page, HasSubstr("x \\- \\&.so /etc/passwd \\e \\(dqa\\-b\\(dq"));
}

// What bash proposes for the line, the last word of which is being typed.
std::vector<std::string> proposals(const std::vector<std::string>& words) {
  const Programs programs;
  std::string line;
  for (const std::string& word : words) line += " '" + word + "'";
  programs.folder().write("configs/a.yaml", "");
  programs.folder().write("script", "compopt() { :; }\n" + programs.wring({"completion", "bash"}).out + "COMP_WORDS=(" +
                                        line + ")\nCOMP_CWORD=" + std::to_string(words.size() - 1) +
                                        "\n_wring\nprintf '%s\\n' \"${COMPREPLY[@]}\"\n");
  const ChildResult result = programs.run("/bin/bash", {"script"});
  EXPECT_EQ(result.err, "");
  std::vector<std::string> lines;
  std::istringstream out(result.out);
  for (std::string proposal; std::getline(out, proposal);) lines.push_back(proposal);
  return lines;
}

TEST(Completion, BashProposesCommandsOptionsChoicesKeysAndFiles) {
  using testing::ElementsAre;
  EXPECT_THAT(proposals({"wring", ""}), IsSupersetOf({"optimize", "train", "doctor"}));
  EXPECT_THAT(proposals({"wring", "be"}), ElementsAre("benchmark"));
  EXPECT_THAT(proposals({"wring", "optimize", "--keep"}), ElementsAre("--keep-model"));
  EXPECT_THAT(proposals({"wring", "train", "--device", ""}), ElementsAre("auto", "cpu", "cuda"));
  EXPECT_THAT(proposals({"wring", "--lang", "zh", "train", "--set", "batch"}), ElementsAre("batch_size="));
  EXPECT_THAT(proposals({"wring", "benchmark", "--knobs", ""}), ElementsAre("all", "none"));
  EXPECT_THAT(proposals({"wring", "train", "configs/"}), ElementsAre("configs/a.yaml"));
  EXPECT_THAT(proposals({"optimize_gpu", "--mon"}), ElementsAre("--monitor"));
}

TEST(Completion, EveryShellKnowsEveryCommandAndOption) {
  const Programs programs;
  for (const char* shell : {"bash", "zsh", "fish"}) {
    const std::string script = programs.wring({"completion", shell}).out;
    for (const CommandDescription& one : describe_programs()) {
      for (const OptionDescription& option : one.options) {
        const std::string flag = option.flags.back();
        EXPECT_THAT(script, HasSubstr(std::string(shell) == "fish" ? "-l " + flag.substr(2) : flag)) << shell;
      }
    }
  }
  EXPECT_EQ(programs.wring({"completion", "tcsh"}).exit_status, 2);
}

}  // namespace
}  // namespace wring

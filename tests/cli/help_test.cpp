// wring without a command, help, version, wrong usage, colours.
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fixtures/programs.h"
#include "wring/base/display_text.h"
#include "wring/cli/program.h"

namespace wring {
namespace {

using namespace testing_support;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

TEST(Help, ListsTheCommandsThatWorkAndExitsWithZero) {
  const ChildResult result = Programs().wring({"--help"});
  EXPECT_EQ(result.exit_status, 0);
  for (const char* command : {"optimize", "benchmark", "diagnose", "train", "evaluate", "upscale", "monitor", "doctor",
                              "cache", "completion"}) {
    EXPECT_THAT(result.out, HasSubstr("\n  " + std::string(command) + " "));
  }
  EXPECT_THAT(result.err, IsEmpty());
}

TEST(Help, WithoutACommandTheMapGoesToStandardErrorAndTheExitCodeIsTwo) {
  const ChildResult result = Programs().wring({});
  EXPECT_EQ(result.exit_status, 2);
  EXPECT_THAT(result.out, IsEmpty());
  EXPECT_THAT(result.err, HasSubstr("Which configuration fits my card?"));
  EXPECT_THAT(result.err, HasSubstr("wring optimize CONFIG"));
  EXPECT_THAT(Programs().wring({"--lang", "zh"}).err, HasSubstr("什么配置适合我的显卡？"));
}

TEST(Help, EveryCommandHasAnExampleWithWhatItIsGoodFor) {
  for (const CommandDescription& program : describe_programs()) {
    EXPECT_FALSE(program.examples.empty()) << program.name;
    for (const Example& example : program.examples) {
      EXPECT_THAT(example.command, HasSubstr(program.name));
      EXPECT_FALSE(example.why.en.empty() || example.why.zh.empty()) << example.command;
    }
    for (const auto* rows : {&program.arguments, &program.options, &program.common}) {
      for (const OptionDescription& row : *rows) EXPECT_NE(row.help.en, "") << program.name << " " << row.flags.back();
    }
  }
}

TEST(Help, LinesFitAHundredColumns) {
  for (const char* language : {"en", "zh"}) {
    for (const char* command : {"optimize", "benchmark", "train", "monitor", "upscale"}) {
      std::istringstream help(Programs().wring({command, "--help", "--lang", language}).out);
      bool options = false;  // the usage above them is one line to copy
      for (std::string line; std::getline(help, line);) {
        options = options || line.starts_with("Options") || line.starts_with("选项");
        if (!options || line.starts_with("  wring")) continue;
        EXPECT_LE(display_width(line), 100) << line;
      }
    }
  }
}

TEST(Help, EveryCommandHasItsOwnInBothLanguages) {
  const Programs programs;
  for (const char* command : {"optimize", "benchmark", "diagnose", "train", "evaluate", "upscale", "monitor", "doctor",
                              "cache", "completion"}) {
    const ChildResult english = programs.wring({command, "--help"});
    EXPECT_EQ(english.exit_status, 0) << command;
    EXPECT_THAT(english.out, HasSubstr("Usage: wring " + std::string(command)));
    for (const char* common : {"--lang", "--color", "--quiet", "--version"}) {
      EXPECT_THAT(english.out, HasSubstr(common)) << command;
    }
    const ChildResult chinese = programs.wring({command, "--help", "--lang", "zh"});
    EXPECT_EQ(chinese.exit_status, 0) << command;
    EXPECT_THAT(chinese.out, HasSubstr("用法：wring " + std::string(command)));
  }
}

TEST(Help, TheLocaleChoosesTheLanguageAndLangWins) {
  Programs programs;
  programs.set("LC_ALL", "zh_CN.UTF-8");
  EXPECT_THAT(programs.wring({"--help"}).out, HasSubstr("用法"));
  EXPECT_THAT(programs.wring({"--help", "--lang", "en"}).out, HasSubstr("Usage"));
}

TEST(Version, IsOneLineForEveryProgramAndCommand) {
  const Programs programs;
  for (const auto& arguments :
       {std::vector<std::string>{"--version"}, {"optimize", "--version"}, {"train", "--version"}}) {
    const ChildResult result = programs.wring(arguments);
    EXPECT_EQ(result.exit_status, 0);
    EXPECT_THAT(result.out, testing::MatchesRegex("wring [0-9]+\\.[0-9]+\\.[0-9]+\n"));
  }
  EXPECT_THAT(programs.optimize_gpu({"--version"}).out, StartsWith("wring "));
}

TEST(Usage, AnUnknownCommandSuggestsTheNearest) {
  const ChildResult result = Programs().wring({"optimise", "x.yaml"});
  EXPECT_EQ(result.exit_status, 2);
  EXPECT_THAT(result.out, IsEmpty());
  EXPECT_EQ(result.err, "error: wring has no command 'optimise'\n  → did you mean 'optimize'?\n");
}

TEST(Usage, ACommandLikeNoOtherListsThem) {
  EXPECT_THAT(Programs().wring({"xyzzyxyzzy"}).err,
              HasSubstr("optimize, benchmark, diagnose, train, evaluate, upscale"));
}

TEST(Usage, AnUnknownOptionSuggestsTheNearest) {
  const ChildResult result = Programs().wring({"optimize", "x.yaml", "--keep-modle"});
  EXPECT_EQ(result.exit_status, 2);
  EXPECT_EQ(result.err, "error: wring optimize has no option '--keep-modle'\n  → did you mean '--keep-model'?\n");
}

TEST(Usage, ErrorsAreTwoLinesThatNameTheArgument) {
  const Programs programs;
  const auto message = [&](const std::vector<std::string>& arguments) {
    const ChildResult result = programs.wring(arguments);
    EXPECT_EQ(result.exit_status, 2);
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 2) << result.err;
    return result.err;
  };
  EXPECT_THAT(message({"optimize"}), StartsWith("error: CONFIG is missing\n"));
  EXPECT_THAT(message({"optimize", "a.yaml", "b.yaml"}), StartsWith("error: unexpected argument 'b.yaml'\n"));
  EXPECT_THAT(message({"optimize", "a.yaml", "--gpus", "many"}), StartsWith("error: --gpus: 'many' is not a number\n"));
  EXPECT_THAT(message({"optimize", "a.yaml", "--gpu"}), StartsWith("error: --gpu needs a value\n"));
  EXPECT_THAT(message({"optimize", "a.yaml", "--gpu", "4090", "--gpu-memory", "24"}),
              HasSubstr("cannot be given together"));
  EXPECT_THAT(message({"optimize", "a.yaml", "--color", "blue"}), HasSubstr("auto, never, always"));
  EXPECT_THAT(message({"--lang", "fr", "optimize", "a.yaml"}), HasSubstr("en, zh"));
}

TEST(Usage, ErrorsAreChineseUnderZh) {
  const ChildResult result = Programs().wring({"--lang", "zh", "optimise"});
  EXPECT_EQ(result.exit_status, 2);
  EXPECT_EQ(result.err, "错误：wring 没有命令“optimise”\n  → 您是否想输入“optimize”？\n");
}

TEST(Colour, IsOffInAPipeAndOnWhenAskedFor) {
  Programs programs;
  const std::string escape = "\x1b[";
  EXPECT_THAT(programs.wring({"nothing"}).err, Not(HasSubstr(escape)));
  EXPECT_THAT(programs.wring({"--color", "always", "nothing"}).err, HasSubstr(escape));
  programs.set("FORCE_COLOR", "1");
  EXPECT_THAT(programs.wring({"nothing"}).err, HasSubstr(escape));
  EXPECT_THAT(programs.wring({"--color=never", "nothing"}).err, Not(HasSubstr(escape)));
  programs.set("NO_COLOR", "1");
  EXPECT_THAT(programs.wring({"nothing"}).err, Not(HasSubstr(escape)));
}

TEST(Locale, WithoutUtf8TheSignsAreAscii) {
  Programs programs;
  programs.set("LC_ALL", "C");
  const ChildResult result = programs.wring({"optimise"});
  EXPECT_EQ(result.err, "error: wring has no command 'optimise'\n  -> did you mean 'optimize'?\n");
}

TEST(Wring, DoesNotLoadLibTorch) {
  for (const char* program : {"wring", "optimize_gpu"}) {
    const ChildResult result = run_child({"ldd", Programs::binary(program)});
    ASSERT_EQ(result.exit_status, 0);
    EXPECT_THAT(result.out, HasSubstr("libc.so"));
    for (const char* library : {"torch", "libc10", "cuda"}) EXPECT_THAT(result.out, Not(HasSubstr(library))) << program;
  }
}

}  // namespace
}  // namespace wring

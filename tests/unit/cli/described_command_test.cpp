// What is made from the description of a command: its help, its manual page, and what shells complete.
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fixtures/as_recorded.h"
#include "fixtures/scoped_environment.h"
#include "wring/base/error.h"
#include "wring/cli/command_parser.h"
#include "wring/cli/completion.h"
#include "wring/cli/manual.h"

namespace wring {
namespace {

using namespace testing_support;

struct Given {
  std::string input;
  std::string format = "text";
  std::optional<int> count;
  std::optional<double> share;
  std::filesystem::path folder;
  std::optional<std::filesystem::path> output;
  std::vector<std::string> set, rest;
  bool keep = false;
  CommonOptions common;
};

// A command with an option of every kind.
std::unique_ptr<CommandParser> parser_of(Given& given, const std::string& name = "wring bake") {
  auto parser = std::make_unique<CommandParser>(
      name, "INPUT [OPTIONS] [MORE …]",
      Text{
          "Bakes an input at a heat of its own, with as many words as it takes to fill more than one line of a hundred "
          "columns.",
          "按自身的温度烘烤输入。"},
      given.common);
  parser->argument("INPUT", given.input, {"what is baked", "要烘烤的输入"});
  parser->arguments("MORE", given.rest, {"what goes into the oven beside it", "一同放入烤箱的内容"});
  parser->option("-o,--output", "OUT", given.output, {"the file to write (default: none)", "要写入的文件（默认：无）"});
  parser->option("--folder", "DIR", given.folder, {"where it is: read [once]", "所在位置"});
  parser->option("--format", "text|csv|LIST", given.format, {"how it's shown", "显示方式"});
  parser->option("-n,--count", "N", given.count, {"how many", "数量"});
  parser->option(
      "--share-of-everything-there-is", "PERCENT", given.share,
      {"a flag so long that its words stand on the next line, where they are broken to fit the width that is "
       "left",
       "很长的选项"});
  parser->repeated("--set", "KEY=VALUE", given.set, {"use this value", "使用此值"});
  parser->flag("--keep", given.keep, {"keep it", "保留"});
  parser->exclude("--keep", "--count");
  parser->example("wring bake bread.yaml -n 2", {"two loaves", "两个面包"});
  return parser;
}

CommandDescription described(const std::string& name) {
  return describe_command([&] {
    Given given;
    parser_of(given, name)->parse({});
  });
}

std::vector<CommandDescription> programs() {
  CommandDescription whole = described("wring");
  whole.commands = {{"bake", {"bakes it's input", "烘烤"}}, {"eat", {"eats", "吃"}}};
  return {whole, described("wring bake"), described("optimize_gpu")};
}

// What stands for the keys of a configuration, which are listed elsewhere.
std::string without_keys(std::string script) {
  for (std::size_t begin; (begin = script.find("model= ")) != std::string::npos;) {
    script.replace(begin, script.find_first_of("\"')", begin) - begin, "KEYS");
  }
  return script;
}

TEST(DescribedCommand, HasItsHelpInBothLanguages) {
  ScopedEnvironment environment;
  environment.set("LC_ALL", "C.UTF-8");
  Given given;
  const auto parser = parser_of(given);
  expect_as_recorded("command/help.txt", parser->help());
  given.common.language = Language::zh;
  expect_as_recorded("command/help_chinese.txt", parser->help());
  given.common.language = Language::en;
  given.common.color = "always";
  EXPECT_THAT(parser->help(), testing::HasSubstr("\x1b[1mOptions:\x1b[0m\n"));
}

TEST(DescribedCommand, HasAManualPage) {
  expect_as_recorded("command/wring-bake.1",
                     manual_page(described("wring bake"), {"wring", "wring-bake", "wring-eat"}, Language::en));
  expect_as_recorded("command/wring.1", manual_page(programs().front(), {"wring", "wring-bake"}, Language::zh));
  EXPECT_EQ(page_name(described("wring bake")), "wring-bake");
}

TEST(DescribedCommand, IsCompletedByEveryShell) {
  expect_as_recorded("command/completion.bash", without_keys(bash_completion(programs())));
  expect_as_recorded("command/completion.zsh", without_keys(zsh_completion(programs())));
  expect_as_recorded("command/completion.fish", without_keys(fish_completion(programs())));
}

TEST(DescribedCommand, TakesWhatItsDescriptionSays) {
  Given given;
  EXPECT_EQ(parser_of(given)->parse({"a", "--set", "x=1", "b", "-o", "first", "--output", "last", "--set=y=2", "-n",
                                     "3", "--share-of-everything-there-is", "0.5", "--folder", "d", "--format", "csv"}),
            std::nullopt);
  EXPECT_EQ(given.input, "a");
  EXPECT_THAT(given.rest, testing::ElementsAre("b")) << "an option that is repeated takes one word at a time";
  EXPECT_EQ(given.output, "last") << "the last one counts";
  EXPECT_THAT(given.set, testing::ElementsAre("x=1", "y=2"));
  EXPECT_EQ(given.count, 3);
  EXPECT_EQ(given.share, 0.5);
  EXPECT_EQ(given.folder, "d");
  EXPECT_EQ(given.format, "csv");
  EXPECT_FALSE(given.keep);
}

TEST(DescribedCommand, TellsWhatIsWrongInItsOwnWords) {
  const auto error_of = [](const std::vector<std::string>& arguments) {
    Given given;
    try {
      parser_of(given)->parse(arguments);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::usage);
      return error.message().en + "; " + error.hint().en;
    }
    return std::string("no error");
  };
  const std::string usage = "; usage: wring bake INPUT [OPTIONS] [MORE …]";
  EXPECT_EQ(error_of({}), "INPUT is missing" + usage);
  EXPECT_EQ(error_of({"a", "-n", "two"}), "--count: 'two' is not a number" + usage);
  EXPECT_EQ(error_of({"a", "--share-of-everything-there-is", "x"}),
            "--share-of-everything-there-is: 'x' is not a number" + usage);
  EXPECT_EQ(error_of({"a", "-o"}), "--output needs a value" + usage);
  EXPECT_EQ(error_of({"a", "--keep", "-n", "2"}), "--count and --keep cannot be given together" + usage);
  EXPECT_EQ(error_of({"a", "--folders", "x"}), "wring bake has no option '--folders'; did you mean '--folder'?");
  EXPECT_EQ(error_of({"a", "--quite"}), "wring bake has no option '--quite'; did you mean '--quiet'?");
  EXPECT_EQ(error_of({"a", "--nothing-like-it=3"}),
            "wring bake has no option '--nothing-like-it'; see wring bake --help");
  EXPECT_EQ(error_of({"a", "--lang", "fr"}), "--lang: 'fr' is not one of its values; use one of: en, zh");
  EXPECT_EQ(error_of({"a", "--color", "blue"}),
            "--color: 'blue' is not one of its values; use one of: auto, never, always");
}

}  // namespace
}  // namespace wring

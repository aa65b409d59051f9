// What every command understands, and how it speaks to this user.
#include "wring/console/console.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fixtures/scoped_environment.h"
#include "wring/cli/commands.h"
#include "wring/console/assignments.h"
#include "wring/monitor/notices.h"

namespace wring {
namespace {

using testing::ElementsAre;
using testing_support::ScopedEnvironment;

class CommonOptionsTest : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"NO_COLOR", "FORCE_COLOR", "LC_MESSAGES", "LC_CTYPE"})
      environment_.set(name, std::nullopt);
    environment_.set("LC_ALL", "C.UTF-8");
  }
  static CommonOptions early(const Arguments& arguments) { return early_options(arguments); }
  static std::string printed(const std::function<void()>& print) {
    testing::internal::CaptureStderr();
    print();
    return testing::internal::GetCapturedStderr();
  }
  // Whether standard output is coloured, which is no terminal here.
  static bool coloured(const std::string& option) {
    CommonOptions options;
    options.color = option;
    return console_for(options).color_out;
  }

  ScopedEnvironment environment_;
};

TEST_F(CommonOptionsTest, AreFoundWhereverTheyStand) {
  EXPECT_EQ(early({"train", "--lang", "zh"}).language, Language::zh);
  EXPECT_EQ(early({"--lang=zh", "train"}).language, Language::zh);
  EXPECT_EQ(early({"--lang", "zh", "--lang", "en"}).language, Language::en) << "the last one counts";
  EXPECT_EQ(early({"--lang", "fr"}).language, Language::en) << "refused later";
  EXPECT_EQ(early({"--lang"}).language, Language::en);
  EXPECT_TRUE(early({"train", "--quiet"}).quiet);
  EXPECT_FALSE(early({"train"}).quiet);
  EXPECT_EQ(early({"--color", "never"}).color, "never");
  EXPECT_EQ(early({"--color=always"}).color, "always");
  EXPECT_EQ(early({}).color, "auto");
}

TEST_F(CommonOptionsTest, WhatFollowsTheDashesIsTheCommandsOwn) {
  const CommonOptions options = early({"monitor", "--", "prog", "--quiet", "--lang", "zh"});
  EXPECT_FALSE(options.quiet);
  EXPECT_EQ(options.language, Language::en);
}

TEST_F(CommonOptionsTest, TheLocaleIsTheLanguageWhereNoneIsAskedFor) {
  environment_.set("LC_ALL", "zh_CN.UTF-8");
  EXPECT_EQ(early({}).language, Language::zh);
  EXPECT_EQ(early({"--lang", "en"}).language, Language::en);
}

TEST_F(CommonOptionsTest, ColourFollowsTheOptionThenTheEnvironmentThenTheTerminal) {
  EXPECT_TRUE(coloured("always"));
  EXPECT_FALSE(coloured("never"));
  EXPECT_FALSE(coloured("auto")) << "no terminal";
  environment_.set("FORCE_COLOR", "1");
  EXPECT_TRUE(coloured("auto"));
  EXPECT_FALSE(coloured("never"));
  environment_.set("FORCE_COLOR", "0");
  EXPECT_FALSE(coloured("auto"));
  environment_.set("FORCE_COLOR", "1");
  environment_.set("NO_COLOR", "1");
  EXPECT_FALSE(coloured("auto"));
  EXPECT_TRUE(coloured("always"));
  environment_.set("NO_COLOR", "");
  EXPECT_TRUE(coloured("auto")) << "an empty variable is none";
}

TEST_F(CommonOptionsTest, AnErrorIsTwoLinesInTheUsersLanguageAndSigns) {
  const Error error(ErrorCode::failed, {"it broke → here", "坏了"}, {"mend it", "请修复"});
  CommonOptions options;
  EXPECT_EQ(printed([&] { print_error(error, options); }), "error: it broke → here\n  → mend it\n");
  options.language = Language::zh;
  EXPECT_EQ(printed([&] { print_error(error, options); }), "错误：坏了\n  → 请修复\n");
  options.language = Language::en;
  environment_.set("LC_ALL", "C");
  EXPECT_EQ(printed([&] { print_error(error, options); }), "error: it broke -> here\n  -> mend it\n");
  options.color = "always";
  EXPECT_EQ(printed([&] { print_error(error, options); }), "\x1b[31merror: \x1b[0mit broke -> here\n  -> mend it\n");
}

TEST_F(CommonOptionsTest, ChineseNeedsNoLocaleOfItsOwn) {
  environment_.set("LC_ALL", "C");
  CommonOptions options;
  options.language = Language::zh;
  EXPECT_TRUE(console_for(options).utf8);
}

TEST_F(CommonOptionsTest, AnErrorWithoutAHintIsOneLineAndAMissingGpuPointsToTheDoctor) {
  EXPECT_EQ(printed([] { print_error(Error(ErrorCode::failed, "it broke"), {}); }), "error: it broke\n");
  EXPECT_EQ(printed([] { print_error(Error(ErrorCode::no_gpu, "no GPU", "find one"), {}); }),
            "error: no GPU\n  → find one; wring doctor shows what this machine has and lacks\n");
}

TEST_F(CommonOptionsTest, QuietHidesWarningsAndNoErrors) {
  Console console;
  console.utf8 = true;
  EXPECT_EQ(printed([&] { print_warning("odd", "look", console); }), "warning: odd\n  → look\n");
  console.quiet = true;
  EXPECT_EQ(printed([&] { print_warning("odd", "look", console); }), "");
  CommonOptions quiet;
  quiet.quiet = true;
  EXPECT_EQ(printed([&] { print_error(Error(ErrorCode::failed, "it broke"), quiet); }), "error: it broke\n");
}

TEST_F(CommonOptionsTest, ACommandEndsWithTheCodeOfWhatItThrows) {
  const auto code_of = [](const std::function<int()>& command) {
    testing::internal::CaptureStderr();
    const int code = run_guarded({}, command);
    return std::pair(code, testing::internal::GetCapturedStderr());
  };
  EXPECT_EQ(code_of([] { return 7; }).first, 7);
  EXPECT_EQ(code_of([]() -> int { throw Error(ErrorCode::usage, "x"); }).first, 2);
  EXPECT_EQ(code_of([]() -> int { throw Error(ErrorCode::interrupted, "x"); }).first, 130);
  const auto [code, words] = code_of([]() -> int { throw std::runtime_error("unforeseen"); });
  EXPECT_EQ(code, 1);
  EXPECT_THAT(words, testing::StartsWith("error: unforeseen\n  → this should not happen"));
}

TEST_F(CommonOptionsTest, AFileThatTheSystemRefusesIsNamedWithTheReasonAndNotToBeReported) {
  std::error_code missing = std::make_error_code(std::errc::no_such_file_or_directory);
  const Error named = as_error(std::filesystem::filesystem_error("status", "photos/a.png", missing));
  EXPECT_EQ(named.message().en, "photos/a.png: No such file or directory");
  EXPECT_EQ(named.hint().en, "check the path and its permissions");
  const Error unnamed = as_error(std::filesystem::filesystem_error("temp_directory_path", missing));
  EXPECT_THAT(unnamed.message().en, testing::HasSubstr("temp_directory_path"));
}

TEST_F(CommonOptionsTest, ANameInAnErrorSteersNoTerminalAndWritesNoLineOfItsOwn) {
  const Error error(ErrorCode::failed, "a\x1b]0;t\x07\nerror: b\u202e", "see \x9b");
  const std::string words = printed([&] { print_error(error, {}); });
  EXPECT_EQ(words, "error: a\\x1b]0;t\\x07\\nerror: b\\u202e\n  → see \\x9b\n");
}

TEST(SplitCommand, CommonOptionsMayStandOnEitherSide) {
  const auto split = [](const Arguments& arguments) {
    const CommandLine line = split_command(arguments);
    return std::pair(line.command, line.arguments);
  };
  EXPECT_EQ(split({"--lang", "zh", "optimize", "X", "-o", "Y"}),
            std::pair(std::string("optimize"), Arguments{"--lang", "zh", "X", "-o", "Y"}));
  EXPECT_EQ(split({"--color", "never", "train", "train"}),
            std::pair(std::string("train"), Arguments{"--color", "never", "train"}));
  EXPECT_EQ(split({"--lang=zh", "train"}), std::pair(std::string("train"), Arguments{"--lang=zh"}));
  EXPECT_EQ(split({"--help"}), std::pair(std::string(), Arguments{"--help"}));
  EXPECT_EQ(split({"--lang"}), std::pair(std::string(), Arguments{"--lang"}));
  EXPECT_EQ(split({}), std::pair(std::string(), Arguments{}));
}

TEST(UnknownCommand, NamesTheNearestOrAllOfThem) {
  const std::vector<std::string> known = {"optimize", "train"};
  EXPECT_EQ(unknown_command("wring", "trian", known).hint().en, "did you mean 'train'?");
  const Error error = unknown_command("wring", "something else", known);
  EXPECT_STREQ(error.what(), "wring has no command 'something else'");
  EXPECT_EQ(error.hint().en, "the commands are: optimize, train");
  EXPECT_EQ(error.code(), ErrorCode::usage);
}

TEST(SeparateAssignments, PairsThatFollowAValueOfSetBelongToIt) {
  EXPECT_THAT(separate_assignments({"--set", "a=1", "b_2=x=y", "config.yaml", "c=3"}),
              ElementsAre("--set", "a=1", "--set", "b_2=x=y", "config.yaml", "c=3"));
  EXPECT_THAT(separate_assignments({"--set", "a=1", "--quiet", "b=2"}), ElementsAre("--set", "a=1", "--quiet", "b=2"));
  EXPECT_THAT(separate_assignments({"--set", "a=1", "./x=y.yaml", "=2"}),
              ElementsAre("--set", "a=1", "./x=y.yaml", "=2"))
      << "a path and what has no key are no pairs";
  EXPECT_THAT(separate_assignments({"--set", "--set", "b=2"}), ElementsAre("--set", "--set", "--set", "b=2"));
  EXPECT_THAT(separate_assignments({"a=1", "--set"}), ElementsAre("a=1", "--set"));
}

TEST(RequirePair, NeedsAKeyAndAnEqualsSign) {
  EXPECT_NO_THROW(require_pair("a="));
  for (const char* wrong : {"a", "=1", ""}) {
    try {
      require_pair(wrong);
      ADD_FAILURE() << wrong;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::usage);
      EXPECT_EQ(error.message().en, std::string("--set: '") + wrong + "' is not key=value");
    }
  }
}

class Notices : public CommonOptionsTest {
 protected:
  static Gpu card(int index) {
    Gpu gpu;
    gpu.index = index;
    return gpu;
  }
  static Console plain() {
    Console console;
    console.utf8 = true;
    return console;
  }
};

TEST_F(Notices, EachProblemOfACardIsToldOnceWithTheCardsNumber) {
  MonitorNotices notices(plain(), {card(3), card(5)});
  Tick tick;
  tick.gpus.resize(2);
  tick.gpus[0].stuck_for_s = 4;
  tick.gpus[1].sample.emplace();
  tick.gpus[1].sample->xids = {31, 79, 31};
  tick.gpus[1].sample->problem = GpuProblem{{"lost", "已丢失"}, {"reboot", "请重启"}, 15};
  const std::string first = printed([&] { notices.on_tick(tick); });
  EXPECT_THAT(first, testing::StartsWith("warning: GPU 3: a driver call does not come back → "));
  EXPECT_THAT(first, testing::HasSubstr("\nwarning: GPU 5: the driver reported Xid 31 → "));
  EXPECT_THAT(first, testing::HasSubstr("\nwarning: GPU 5: the driver reported Xid 79 → "));
  EXPECT_THAT(first, testing::EndsWith("\nwarning: GPU 5: lost → reboot\n"));
  EXPECT_EQ(std::count(first.begin(), first.end(), '\n'), 4) << first;
  EXPECT_EQ(printed([&] { notices.on_tick(tick); }), "");
  tick.gpus[0].sample.emplace();
  tick.gpus[0].sample->xids = {31};
  EXPECT_THAT(printed([&] { notices.on_tick(tick); }),
              testing::StartsWith("warning: GPU 3: the driver reported Xid 31"))
      << "another card's is another";
}

TEST_F(Notices, AreHeldBackWhileSomethingElseHasTheTerminal) {
  MonitorNotices notices(plain(), {});
  notices.hold();
  EXPECT_EQ(printed([&] {
              notices.say("first", {});
              notices.say("second", "cure");
            }),
            "");
  EXPECT_EQ(printed([&] { notices.release(); }), "warning: first\nwarning: second → cure\n");
  EXPECT_EQ(printed([&] { notices.release(); }), "") << "once";
  EXPECT_EQ(printed([&] { notices.say("third", {}); }), "warning: third\n");
}

TEST_F(Notices, WhenQuietOnlyWhyItFailsIsTold) {
  Console quiet = plain();
  quiet.quiet = true;
  MonitorNotices notices(quiet, {});
  EXPECT_EQ(printed([&] { notices.say("odd", {}); }), "");
  EXPECT_EQ(printed([&] { notices.say_even_if_quiet("failed", {}); }), "warning: failed\n");
}

}  // namespace
}  // namespace wring

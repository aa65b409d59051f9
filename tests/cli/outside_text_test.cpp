// Names and words from outside: they steer no terminal, and survive in JSON; files that are not ours are left alone.
#include <nlohmann/json.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fixtures/drawn_photographs.h"
#include "fixtures/programs.h"
#include "fixtures/scripted_smi.h"
#include "wring/base/display_text.h"

namespace wring {
namespace {

using namespace testing_support;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

// Colours and title of a terminal, one control character of eight bits, one that turns the line round, and Latin-1.
const std::string kEvil = "esc\x1b[31mred\x1b]0;title\x07\u009b\u202e\xff";
const std::string kShown = "esc\\x1b[31mred\\x1b]0;title\\x07\\u009b\\u202e\\xff";

void expect_harmless(const ChildResult& result) {
  EXPECT_EQ(lines_without_controls(result.out), result.out);
  EXPECT_EQ(lines_without_controls(result.err), result.err);
}

#ifdef WRING_HAS_TRAIN
TEST(OutsideText, EvaluateShowsAnyNameInItsTable) {
  const Programs programs;
  draw_photograph(programs, "photos/" + kEvil + ".png", 40, 36, 1);
  const ChildResult result = programs.wring({"evaluate", "--bicubic", "--scale", "2", "photos"});
  ASSERT_EQ(result.exit_status, 0) << result.err;
  expect_harmless(result);
  EXPECT_THAT(result.out, HasSubstr(kShown));
}

TEST(OutsideText, EvaluateWritesEveryNameIntoItsJson) {
  const Programs programs;
  for (const char* name : {"bad\xff", "bad\xfe", "bad\\x{ff}", "good"}) {
    draw_photograph(programs, std::string("photos/") + name + ".png", 40, 36, 1);
  }
  const ChildResult result = programs.wring({"evaluate", "--bicubic", "--scale", "2", "photos", "--json"});
  ASSERT_EQ(result.exit_status, 0) << result.err;
  std::vector<std::string> names;
  const auto record = nlohmann::json::parse(result.out);
  for (const auto& one : record.at("images")) {
    names.push_back(one.at("name"));
    EXPECT_GT(one.at("psnr_y").get<double>(), 10);
  }
  EXPECT_THAT(names, testing::UnorderedElementsAre("bad\\x{ff}", "bad\\x{fe}", "bad\\x{5c}x{ff}", "good"));
}

TEST(OutsideText, AnUnreadableImageIsNamedWithoutHarm) {
  const Programs programs;
  draw_photograph(programs, "photos/good.png", 40, 36, 1);
  programs.folder().write("photos/" + kEvil + "\nerror: fake.png", "no image");
  const ChildResult result = programs.wring({"evaluate", "--bicubic", "--scale", "2", "photos"});
  EXPECT_EQ(result.exit_status, 1);
  expect_harmless(result);
  EXPECT_THAT(result.err, AllOf(HasSubstr(kShown + "\\nerror: fake.png"), Not(HasSubstr("\nerror: fake"))));
}
#endif

TEST(OutsideText, ErrorsOfEveryCommandNameItWithoutHarm) {
  Programs programs;
  programs.folder().write(kEvil + ".yaml", "batch_size: none\n");
  for (const std::vector<std::string>& command : std::vector<std::vector<std::string>>{{"train", kEvil + ".yaml"},
                                                                                       {"optimize", kEvil + ".yaml"},
                                                                                       {"benchmark", kEvil + ".yaml"},
                                                                                       {"diagnose", kEvil + ".yaml"},
                                                                                       {"train", kEvil},
                                                                                       {"evaluate", kEvil, "photos"},
                                                                                       {"upscale", kEvil, kEvil},
                                                                                       {"monitor", "--format", kEvil},
                                                                                       {"monitor", kEvil},
                                                                                       {"monitor", "--gpus", kEvil},
                                                                                       {"doctor", "--device", kEvil},
                                                                                       {"cache", "--" + kEvil},
                                                                                       {"optimize", "--" + kEvil, "x"},
                                                                                       {kEvil},
                                                                                       {"completion", kEvil},
                                                                                       {"monitor", "1", "--", kEvil}}) {
    for (const char* color : {"never", "always"}) {
      std::vector<std::string> arguments = {"--color", color};
      arguments.insert(arguments.end(), command.begin(), command.end());
      ChildResult result = programs.wring(arguments);
      EXPECT_NE(result.exit_status, 0) << command.front();
      EXPECT_THAT(result.err, AllOf(HasSubstr("esc\\x1b[31mred\\x1b]0;title\\x07"), Not(HasSubstr("esc\x1b"))))
          << command.front();
      if (std::string(color) == "never") expect_harmless(result);
    }
  }
}

TEST(OutsideText, OptimizeNamesItsFilesAndTheNextCommandWithoutHarm) {
  const Programs programs;
  programs.folder().write(kEvil + ".yaml", kSampleConfig);
  const ChildResult result = programs.wring({"optimize", kEvil + ".yaml", "--color", "always"});
  ASSERT_EQ(result.exit_status, 0) << result.err;
  EXPECT_THAT(result.out, AllOf(HasSubstr("Written: " + kShown), Not(HasSubstr("esc\x1b"))));
  EXPECT_THAT(result.out, HasSubstr("wring train $'esc\\033[31mred\\033]0;title\\007\\302\\233\\342\\200\\256\\377"));
}

TEST(OutsideText, ACardsNameSteersNoTerminal) {
  Programs programs;
  programs.set("WRING_NVIDIA_SMI", write_scripted_smi(programs.folder(), "index=0\nuuid=GPU-a\nname=H200 " + kEvil +
                                                                             "\nmemory.total=12288\nmemory.used=1\n"
                                                                             "utilization.gpu=5\n"));
  programs.set("XDG_STATE_HOME", (programs.folder().path() / "state").string());
  for (const char* format : {"text", "csv", "jsonl"}) {
    const ChildResult result = programs.wring({"monitor", "0.3", "--interval", "0.1", "--format", format});
    EXPECT_EQ(result.exit_status, 0) << result.err;
    expect_harmless(result);
  }
}

TEST(OutsideText, AMonitorsLogIsNotAppendedToATextOfTheUsers) {
  const Programs programs;
  for (const char* name : {"notes.txt", "notes.jsonl", "notes.csv"}) {
    programs.folder().write(name, "thesis\n");
    const ChildResult result = programs.wring({"monitor", "0.1", "--interval", "0.1", "--log", name});
    EXPECT_EQ(result.exit_status, 1) << name;
    EXPECT_THAT(result.err, HasSubstr(std::string(name) + " exists and is not a log of this kind"));
    EXPECT_EQ(programs.read(name), "thesis\n");
  }
}

TEST(OutsideText, AMonitorsLogIsGoneOnWithInEveryFormatAndLanguage) {
  const Programs programs;
  for (const char* name : {"log.txt", "log.jsonl", "log.csv"}) {
    for (const char* language : {"en", "zh"}) {
      EXPECT_EQ(programs.wring({"monitor", "0.2", "--interval", "0.1", "--log", name, "--lang", language}).exit_status,
                0)
          << name;
    }
  }
}

TEST(OutsideText, WhatCannotBeWrittenIsToldAndNotToBeReported) {
  const Programs programs;
  const ChildResult result =
      programs.run("sh", {"-c", "\"$0\" completion bash > /dev/full", Programs::binary("wring")});
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.err, AllOf(HasSubstr("the output could not be written"), Not(HasSubstr("should not happen"))));
}

TEST(EmptyValues, OfEveryOptionAreRefusedByName) {
  const Programs programs;
  programs.folder().write("c.yaml", kSampleConfig);
  const std::vector<std::vector<std::string>> commands = {{"optimize", "c.yaml", "--gpu-memory"},
                                                          {"optimize", "c.yaml", "--gpu"},
                                                          {"optimize", "c.yaml", "--gpus"},
                                                          {"optimize", "c.yaml", "--output"},
                                                          {"optimize", "c.yaml", "--lang"},
                                                          {"train", "c.yaml", "--nproc"},
                                                          {"train", "c.yaml", "--set"},
                                                          {"train", "c.yaml", "--experiments"},
                                                          {"train", "c.yaml", "--train-hr"},
                                                          {"train", "c.yaml", "--device"},
                                                          {"upscale", "a", "b", "--tile"},
                                                          {"evaluate", "a", "b", "--scale"},
                                                          {"benchmark", "c.yaml", "--budget"},
                                                          {"benchmark", "c.yaml", "--nproc"},
                                                          {"benchmark", "c.yaml", "--knobs"},
                                                          {"benchmark", "c.yaml", "--command"},
                                                          {"diagnose", "c.yaml", "--output"},
                                                          {"monitor", "--interval"},
                                                          {"monitor", "--gpus"},
                                                          {"monitor", "--log"},
                                                          {"monitor", "--serve"},
                                                          {"monitor", "--token-file"},
                                                          {"doctor", "--experiments"}};
  for (const std::vector<std::string>& command : commands) {
    std::vector<std::string> arguments = command;
    arguments.emplace_back("");
    const ChildResult result = programs.wring(arguments);
    EXPECT_EQ(result.exit_status, 2) << command.front() << " " << command.back();
    EXPECT_THAT(result.err, HasSubstr(command.back() + ": ")) << result.err;
    arguments.pop_back();
    arguments.back() += "=";
    EXPECT_EQ(programs.wring(arguments).exit_status, 2) << arguments.back();
  }
}

TEST(EmptyValues, OfVariablesThatHoldANumberAreRefusedByName) {
  Programs programs;
  programs.folder().write("c.yaml", kSampleConfig);
  for (const char* wrong : {"", "nan", "inf", "1e-9", "1e-320"}) {
    programs.set("WRING_TRIAL_TIMEOUT", wrong);
    const ChildResult result = programs.wring({"benchmark", "c.yaml", "--device", "cpu"});
    EXPECT_EQ(result.exit_status, 2) << wrong;
    EXPECT_THAT(result.err, HasSubstr("WRING_TRIAL_TIMEOUT"));
  }
}

}  // namespace
}  // namespace wring

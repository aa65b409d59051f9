// wring diagnose -- COMMAND: the program's output and exit code are its own, nothing of it is left, and one clear line
// says what could not be seen.
#include <chrono>
#include <csignal>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fixtures/programs.h"
#include "fixtures/running_program.h"
#include "unit/trial/fake_worker.h"

namespace wring {
namespace {

using namespace testing_support;
using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class DiagnoseProgram : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directory(file("runtime"));
    programs_.set("XDG_RUNTIME_DIR", file("runtime"));
  }
  void TearDown() override { EXPECT_TRUE(std::filesystem::is_empty(file("runtime"))) << "the agent's folder"; }

  std::string file(const std::string& name) const { return (programs_.folder().path() / name).string(); }

  // wring diagnose OPTIONS -- the fake program (tests/fixtures/fake_agent.py) that does these things.
  static std::vector<std::string> words(std::vector<std::string> options, const std::vector<std::string>& verbs) {
    options.insert(options.begin(), "diagnose");
    options.insert(options.end(), {"--", "python3", std::string(WRING_SOURCE_DIR) + "/tests/fixtures/fake_agent.py"});
    options.insert(options.end(), verbs.begin(), verbs.end());
    return options;
  }
  ChildResult run(const std::vector<std::string>& options, const std::vector<std::string>& verbs) const {
    return programs_.wring(words(options, verbs));
  }
  // Of wrong usage: its two lines.
  std::string refusal(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), "diagnose");
    const ChildResult result = programs_.wring(arguments);
    EXPECT_EQ(result.exit_status, 2) << result.err;
    return result.err;
  }

  Programs programs_;
};

TEST_F(DiagnoseProgram, SaysWhatWasSeenOnStandardError) {
  const ChildResult result = run({}, {"hello", "hear", "done", "hold"});
  EXPECT_EQ(result.exit_status, 0) << result.err;
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(result.err, AllOf(HasSubstr("median 12.1 ms"), HasSubstr("waits for the DataLoader: 10.0 ms"),
                                HasSubstr("train.py:31  DataLoader(Photos, batch_size=64, num_workers=0"),
                                HasSubstr("train.py:33  AdamW")));
}

TEST_F(DiagnoseProgram, SpeaksChinese) {
  const ChildResult result = run({"--lang", "zh"}, {"hello", "hear", "done", "hold"});
  EXPECT_THAT(result.err, AllOf(HasSubstr("中位数 12.1 ms"), Not(HasSubstr("median"))));
}

TEST_F(DiagnoseProgram, WhatTheProgramPrintsIsUntouched) {
  const ChildResult result = run({"--quiet"}, {"hello", "hear", "flood", "done", "hold"});
  EXPECT_EQ(result.exit_status, 0);
  EXPECT_EQ(result.out, std::string(8 << 20, 'x'));
  EXPECT_THAT(result.err, HasSubstr("median 12.1 ms")) << "what was asked for is told though nothing else is";
}

TEST_F(DiagnoseProgram, ToTheEndTheExitCodeIsTheProgramsOwn) {
  const ChildResult result = run({"--to-the-end"}, {"hello", "hear", "done", "let-go", "exit=7"});
  EXPECT_EQ(result.exit_status, 7);
  EXPECT_THAT(result.err, HasSubstr("step: mean"));
  EXPECT_EQ(run({"--to-the-end"}, {"exit=0"}).exit_status, 0);
}

TEST_F(DiagnoseProgram, OneThatFailsKeepsItsExitCodeAndIsToldInOneLine) {
  const ChildResult result = run({}, {"exit=3"});
  EXPECT_EQ(result.exit_status, 3);
  EXPECT_THAT(result.err, HasSubstr("error: nothing could be measured: it ended with exit code 3"));
  EXPECT_EQ(run({}, {"exit=0"}).exit_status, 1);
}

TEST_F(DiagnoseProgram, ItsJsonIsAllOfStandardOutput) {
  const ChildResult result = run({"--json"}, {"write=seen:x", "flood", "hello", "hear", "done", "hold"});
  ASSERT_EQ(result.exit_status, 0) << result.err.substr(0, 1000);
  const json found = json::parse(result.out);
  EXPECT_EQ(found["ended"], "observed");
  EXPECT_EQ(found["signal"], SIGTERM);
  EXPECT_EQ(found["reason"], nullptr);
  EXPECT_EQ(found["ranks"][0]["steps"]["step_ms"]["median"], 12.1);
  EXPECT_EQ(found["ranks"][0]["loaders"][0]["line"], 31);
  EXPECT_THAT(result.err, HasSubstr("xxxx"));
}

TEST_F(DiagnoseProgram, ItsJsonSaysWhyThereIsNothing) {
  const ChildResult result = run({"--json"}, {"hello", "hear", "failed=no such hook", "exit=0"});
  EXPECT_EQ(result.exit_status, 1);
  const json found = json::parse(result.out);
  EXPECT_THAT(found["reason"].get<std::string>(), HasSubstr("no such hook"));
  EXPECT_EQ(found["silent"][0]["rank"], 0);
}

TEST_F(DiagnoseProgram, CtrlCEndsTheProgramAndTellsWhatIsKnown) {
  std::vector<std::string> command = words({}, {"polite=asked", "hello", "hear", "write=up:x", "hold"});
  command.insert(command.begin(), Programs::binary("wring"));
  RunningProgram running(programs_, command);
  ASSERT_TRUE(RunningProgram::wait_until([&] { return programs_.exists("up"); })) << running.err();
  running.send(SIGINT);
  EXPECT_EQ(running.wait(), 130);
  EXPECT_TRUE(programs_.exists("asked")) << "the program saw Ctrl-C too";
  EXPECT_THAT(running.err(), HasSubstr("median 12.1 ms")) << "what it said on its way out";
}

TEST_F(DiagnoseProgram, ADoubledCtrlCIsOne) {
  std::vector<std::string> command = words({}, {"slow=asked", "hello", "hear", "write=up:x", "hold"});
  command.insert(command.begin(), Programs::binary("wring"));
  RunningProgram running(programs_, command);
  ASSERT_TRUE(RunningProgram::wait_until([&] { return programs_.exists("up"); })) << running.err();
  running.send(SIGINT);
  std::this_thread::sleep_for(std::chrono::milliseconds(150));
  running.send(SIGINT);
  EXPECT_EQ(running.wait(), 130);
  EXPECT_THAT(running.err(), HasSubstr("median 12.1 ms"));
}

TEST_F(DiagnoseProgram, SigtermEndsItWith130AsItDoesOtherMeasurements) {
  std::vector<std::string> command = words({}, {"polite=asked", "hello", "hear", "write=up:x", "hold"});
  command.insert(command.begin(), Programs::binary("wring"));
  RunningProgram running(programs_, command);
  ASSERT_TRUE(RunningProgram::wait_until([&] { return programs_.exists("up"); })) << running.err();
  running.send(SIGTERM);
  EXPECT_EQ(running.wait(), 130);
  EXPECT_TRUE(programs_.exists("asked")) << "as Ctrl-C, on which Python ends in its own way";
}

TEST_F(DiagnoseProgram, ToTheEndSignalsAreTheProgramsOwnOnceItIsMeasured) {
  std::vector<std::string> command =
      words({"--to-the-end"}, {"term=9", "hello", "hear", "done", "let-go", "write=on:x", "hold"});
  command.insert(command.begin(), Programs::binary("wring"));
  RunningProgram running(programs_, command);
  ASSERT_TRUE(RunningProgram::wait_until([&] { return programs_.exists("on"); })) << running.err();
  running.send(SIGTERM);
  EXPECT_EQ(running.wait(), 9);
}

TEST_F(DiagnoseProgram, TheAgentsReasonsAreInTheReadersLanguage) {
  const std::vector<std::string> verbs = {"hello", "hear", "gave-up=7", "exit=0"};
  EXPECT_THAT(run({}, verbs).err, HasSubstr("the program ended after 7 steps, before the ones to measure"));
  EXPECT_THAT(run({"--lang", "zh"}, verbs).err, HasSubstr("程序在 7 步后结束，尚未开始测量"));
}

TEST_F(DiagnoseProgram, WithoutATerminalNothingIsSaidWhileItMeasures) {
  const ChildResult result = run({}, {"hello", "hear", "done", "hold"});
  EXPECT_THAT(result.err, Not(HasSubstr("wring: ")));
}

TEST_F(DiagnoseProgram, AfterTheTimeItIsEnded) {
  const ChildResult result = run({"--timeout", "1"}, {"clear", "hold"});
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.err, HasSubstr("no process of it stepped a PyTorch optimiser within 1 s"));
}

TEST_F(DiagnoseProgram, NothingIsLeftOfWhatItPutIntoTheBackground) {
  const ChildResult result = run({}, {"daemon=" + file("pid")});
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.err, HasSubstr("no process of it stepped a PyTorch optimiser"));
  EXPECT_TRUE(has_ended(pid_in(file("pid"))));
}

TEST_F(DiagnoseProgram, PythonThatIsIsolatedIsToldWithTheWayOut) {
  const ChildResult result = programs_.wring({"diagnose", "--", "python3", "-I", "-c", "pass"});
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.err, AllOf(HasSubstr("warning: python3 -I takes no notice"), HasSubstr("→ run it without -I"),
                                HasSubstr("error: nothing could be measured: before it ended with exit code 0")));
  EXPECT_EQ(result.err.find("takes no notice"), result.err.rfind("takes no notice")) << "once";
  const std::string quiet = programs_.wring({"diagnose", "--quiet", "--", "python3", "-I", "-c", "pass"}).err;
  EXPECT_THAT(quiet, AllOf(HasSubstr("error: nothing could be measured: before it ended"), Not(HasSubstr("warning"))));
}

TEST_F(DiagnoseProgram, TracesAreKeptWhereTheyAreWanted) {
  EXPECT_EQ(run({"--keep-trace", "my/traces"}, {"hello", "hear", "done", "hold"}).exit_status, 0);
  EXPECT_TRUE(std::filesystem::is_directory(file("my/traces")));
}

TEST_F(DiagnoseProgram, WritesAPageOfWhatWasSeen) {
  const ChildResult result = run({"--report", "seen.html"}, {"hello", "hear", "done", "hold"});
  EXPECT_EQ(result.exit_status, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("\nreport: seen.html\n"));
  EXPECT_THAT(programs_.read("seen.html"),
              AllOf(HasSubstr("fake_agent.py hello hear done hold</code>"), HasSubstr("train.py:31"),
                    HasSubstr("There is no timeline: the model computes on the CPU"), Not(HasSubstr("<script"))));
  ASSERT_EQ(run({"--report", "zh.html", "--lang", "zh", "--json"}, {"hello", "hear", "done", "hold"}).exit_status, 0);
  EXPECT_THAT(programs_.read("zh.html"), HasSubstr("没有时间线"));
}

TEST_F(DiagnoseProgram, ThePageIsThereBeforeAProgramThatGoesOnHasEnded) {
  const ChildResult result = run({"--report", file("seen.html"), "--to-the-end"},
                                 {"hello", "hear", "done", "let-go", "await=" + file("seen.html"), "exit=0"});
  EXPECT_EQ(result.exit_status, 0) << result.err;
}

TEST_F(DiagnoseProgram, ThePageSaysWhyNothingWasMeasured) {
  const ChildResult result =
      run({"--report", "seen.html", "--json"}, {"hello", "hear", "failed=no such hook", "exit=0"});
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_EQ(json::parse(result.out)["report"], "seen.html");
  EXPECT_THAT(programs_.read("seen.html"), AllOf(HasSubstr("Nothing could be measured"), HasSubstr("no such hook")));
}

TEST_F(DiagnoseProgram, APageThatCannotBeWrittenIsToldBeforeTheProgramStarts) {
  const ChildResult missing = run({"--report", "no/such/seen.html"}, {"write=started:x", "exit=0"});
  EXPECT_EQ(missing.exit_status, 1);
  EXPECT_THAT(missing.err, HasSubstr("the output folder no/such does not exist"));
  const ChildResult other = run({"--report", "train.py"}, {"write=started:x", "exit=0"});
  EXPECT_EQ(other.exit_status, 2);
  EXPECT_THAT(other.err, HasSubstr("train.py is not the name of an HTML page"));
  EXPECT_FALSE(programs_.exists("started"));
}

TEST_F(DiagnoseProgram, OneWhoseFolderGoesAwayMeanwhileIsAFailureAndTheTextIsThere) {
  std::filesystem::create_directory(file("pages"));
  const ChildResult result =
      programs_.wring({"diagnose", "--report", file("pages/seen.html"), "--", "sh", "-c",
                       "rmdir " + file("pages") +
                           "; exec python3 " WRING_SOURCE_DIR "/tests/fixtures/fake_agent.py hello hear done hold"});
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.err, AllOf(HasSubstr("cannot write"), HasSubstr("median 12.1 ms"), Not(HasSubstr("report:"))));
}

TEST_F(DiagnoseProgram, TheAgentIsInEveryPythonThatItStarts) {
  const ChildResult result =
      programs_.wring({"diagnose", "--to-the-end", "--", "sh", "-c",
                       "python3 -c 'import sys; print(hasattr(sys, \"_wring_agent\"), \"torch\" in sys.modules)'"});
  EXPECT_EQ(result.out, "True False\n") << "and it loads no torch";
}

TEST_F(DiagnoseProgram, ACommandThatDoesNotExistIsNamed) {
  const ChildResult result = programs_.wring({"diagnose", "--", "/no/such/program"});
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.err, HasSubstr("cannot start /no/such/program"));
}

TEST_F(DiagnoseProgram, WhatCannotBeStartedIsToldWithWhatToDo) {
  const auto told = [&](const std::string& word) {
    const ChildResult result = programs_.wring({"diagnose", "--", word});
    EXPECT_EQ(result.exit_status, 1) << result.err;
    EXPECT_THAT(result.err, HasSubstr("cannot start " + word));
    return result.err;
  };
  programs_.folder().write("train.py", "print(1)\n");
  programs_.folder().write("run.sh", "exit\n");
  EXPECT_THAT(told("train.py"), HasSubstr("→ a Python file is run by Python: python train.py"));
  EXPECT_THAT(told("./train.py"), HasSubstr("→ a Python file is run by Python: python ./train.py"));
  EXPECT_THAT(told("./run.sh"), HasSubstr("→ make it executable (chmod +x ./run.sh), or name what runs it: bash"));
  EXPECT_THAT(told(file("runtime")), HasSubstr("→ it is a folder"));
  EXPECT_THAT(told("python3 train.py"), HasSubstr("→ the program and each of its arguments are words of their own"));
  EXPECT_THAT(told("no-such-program"), HasSubstr("→ check that the program is installed and on PATH"));
}

TEST_F(DiagnoseProgram, EachFormRefusesTheOptionsOfTheOther) {
  EXPECT_THAT(refusal({"a.yaml", "--steps", "3"}), HasSubstr("--steps belongs to wring diagnose -- COMMAND"));
  EXPECT_THAT(refusal({"a.yaml", "--to-the-end"}), HasSubstr("--to-the-end belongs to"));
  EXPECT_THAT(refusal({"a.yaml", "--report", "seen.html"}), HasSubstr("--report belongs to"));
  EXPECT_THAT(refusal({"--fix", "--", "true"}), HasSubstr("--fix belongs to wring diagnose CONFIG"));
  EXPECT_THAT(refusal({"--device", "cpu", "--", "true"}), HasSubstr("--device belongs to wring diagnose CONFIG"));
  EXPECT_THAT(refusal({"--set", "a=1", "--", "true"}), HasSubstr("--set belongs to"));
  EXPECT_THAT(refusal({"a.yaml", "--", "true"}), HasSubstr("'a.yaml' stands before --"));
}

TEST_F(DiagnoseProgram, WrongUsageNamesTheArgument) {
  EXPECT_THAT(refusal({"--"}), HasSubstr("there is no command after --"));
  EXPECT_THAT(refusal({"--", ""}), HasSubstr("there is no command after --"));
  EXPECT_THAT(refusal({"--", "--steps", "3", "python", "train.py"}),
              AllOf(HasSubstr("'--steps' stands after --"), HasSubstr("options of wring diagnose go before --")));
  EXPECT_THAT(refusal({"python", "train.py", "--epochs", "3"}),
              HasSubstr("a program to run goes after --: wring diagnose -- python train.py --epochs 3"));
  EXPECT_THAT(refusal({"--steps", "40", "torchrun", "train.py"}), HasSubstr("wring diagnose -- torchrun train.py"));
  programs_.folder().write("a_file", "");
  EXPECT_THAT(refusal({"--keep-trace", "a_file", "--", "true"}), HasSubstr("--keep-trace: a_file is a file"));
  EXPECT_THAT(refusal({"train.py"}), HasSubstr("train.py is a Python file"));
  EXPECT_THAT(refusal({}), HasSubstr("CONFIG is missing"));
  for (const char* value : {"soon", "-1", "2.5", "5m", "nan"}) {
    EXPECT_THAT(refusal({"--after", value, "--", "true"}), HasSubstr("--after: '" + std::string(value) + "'"));
  }
  for (const char* value : {"1e9s", "1000000000000000000", "inf"}) {
    EXPECT_THAT(refusal({"--after", value, "--", "true"}), HasSubstr("--after takes at most 1000000 steps"));
  }
  for (const char* value : {"0", "-1", "1e3", "many", "1000000000000000000", "99999999999999999999999"}) {
    EXPECT_THAT(refusal({"--steps", value, "--", "true"}), HasSubstr("--steps takes a number from 1 to 1000000"));
  }
  EXPECT_THAT(refusal({"--timeout", "0", "--", "true"}), HasSubstr("--timeout takes seconds"));
}

}  // namespace
}  // namespace wring

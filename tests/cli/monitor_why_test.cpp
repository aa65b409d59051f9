// wring monitor --why -- COMMAND: the command is watched as ever, and looked into once.
#include <nlohmann/json.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/monitor_fixture.h"
#include "unit/trial/fake_worker.h"

namespace wring {
namespace {

using namespace testing_support;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

// Two steps of 12.5 ms, of which 10 pass in the loader's __next__ and 1 in a kernel.
constexpr const char* kWaitsForData = R"({"traceEvents": [
  {"ph": "X", "cat": "user_annotation", "name": "wring.step", "pid": 1, "tid": 1, "ts": 0, "dur": 1},
  {"ph": "X", "cat": "user_annotation", "name": "enumerate(DataLoader)#_SingleProcessDataLoaderIter.__next__",
   "pid": 1, "tid": 1, "ts": 10, "dur": 10000},
  {"ph": "X", "cat": "cuda_runtime", "name": "cudaLaunchKernel", "pid": 1, "tid": 1, "ts": 10100, "dur": 5,
   "args": {"correlation": 1}},
  {"ph": "X", "cat": "kernel", "name": "sm90_gemm", "pid": 0, "tid": 7, "ts": 10110, "dur": 1000,
   "args": {"stream": 7, "correlation": 1}},
  {"ph": "X", "cat": "user_annotation", "name": "wring.step", "pid": 1, "tid": 1, "ts": 12500, "dur": 1},
  {"ph": "X", "cat": "user_annotation", "name": "enumerate(DataLoader)#_SingleProcessDataLoaderIter.__next__",
   "pid": 1, "tid": 1, "ts": 12510, "dur": 10000},
  {"ph": "X", "cat": "cuda_runtime", "name": "cudaLaunchKernel", "pid": 1, "tid": 1, "ts": 22600, "dur": 5,
   "args": {"correlation": 2}},
  {"ph": "X", "cat": "kernel", "name": "sm90_gemm", "pid": 0, "tid": 7, "ts": 22610, "dur": 1000,
   "args": {"stream": 7, "correlation": 2}},
  {"ph": "X", "cat": "user_annotation", "name": "wring.step", "pid": 1, "tid": 1, "ts": 25000, "dur": 1}
]})";

class MonitorWhy : public Monitor {
 protected:
  void SetUp() override {
    Monitor::SetUp();
    std::filesystem::create_directory(file("runtime"));
    programs_.set("XDG_RUNTIME_DIR", file("runtime"));
    programs_.folder().write("trace.json", kWaitsForData);
  }
  void TearDown() override { EXPECT_TRUE(std::filesystem::is_empty(file("runtime"))) << "the agent's folder"; }

  std::string file(const std::string& name) const { return (programs_.folder().path() / name).string(); }

  // OPTIONS --why -- the fake program (tests/fixtures/fake_agent.py) that does these things.
  static std::vector<std::string> words(std::vector<std::string> options, const std::vector<std::string>& verbs) {
    options.insert(options.end(),
                   {"--why", "--", "python3", std::string(WRING_SOURCE_DIR) + "/tests/fixtures/fake_agent.py"});
    options.insert(options.end(), verbs.begin(), verbs.end());
    return options;
  }
  nlohmann::json summary() const { return nlohmann::json::parse(programs_.read("s.json")); }
};

TEST_F(MonitorWhy, WhatWasSeenInsideIsTheVerdict) {
  const ChildResult result = run(words({"--summary", "s.json"}, {"gpu=GPU-4070", "hello", "trace=trace.json", "done",
                                                                 "let-go", "write=after:x", "exit=7"}));
  EXPECT_EQ(result.exit_status, 7);
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(result.err, AllOf(HasSubstr("Average GPU-Util: 87.0%\n"),
                                HasSubstr("✅ GPU-Util is high, but the GPU waits for data 80 % of a step."),
                                HasSubstr("inside the program, "), HasSubstr("waits for data             80.0"),
                                HasSubstr("train.py:31  DataLoader(…, num_workers=0)"), HasSubstr("GPU 0")));
  const auto card = summary().at("gpus").at(0);
  EXPECT_EQ(card.at("inside_verdict").at("key"), "input_bound");
  EXPECT_THAT(card.at("inside_verdict").at("next_step").get<std::string>(), HasSubstr("train.py:31"));
  const auto inside = summary().at("inside");
  EXPECT_NEAR(inside.at("ranks").at(0).at("shares").at("loader_ms").get<double>(), 10, 0.01);
  EXPECT_TRUE(inside.at("reason").is_null());
  EXPECT_TRUE(programs_.exists("after")) << "the program runs to its end";
}

TEST_F(MonitorWhy, WithoutTheOptionNoAgentIsInTheCommand) {
  const ChildResult result = run({"--summary", "s.json", "--", "/bin/sh", "-c", "echo \"agent:$WRING_AGENT_SOCKET\""});
  EXPECT_EQ(result.out, "agent:\n");
  EXPECT_FALSE(summary().contains("inside"));
  EXPECT_TRUE(summary().at("gpus").at(0).at("inside_verdict").is_null());
}

TEST_F(MonitorWhy, WhereNothingIsSeenInsideTheReasonIsOneLineAndTheVerdictAsEver) {
  const ChildResult result = run({"--summary", "s.json", "--why", "--", "/bin/sh", "-c", "echo mine; exit 5"});
  EXPECT_EQ(result.exit_status, 5);
  EXPECT_EQ(result.out, "mine\n");
  EXPECT_THAT(result.err, AllOf(HasSubstr("✅ The GPU is well used!\n"),
                                HasSubstr("\nnot seen from inside: it ended with exit code 5 before a process of it "
                                          "stepped a PyTorch optimiser\n"),
                                HasSubstr("no verdict: the steady part")));
  EXPECT_THAT(summary().at("inside").at("reason").get<std::string>(), HasSubstr("exit code 5"));
}

TEST_F(MonitorWhy, AnAgentThatGaveUpIsQuotedWithAWayOut) {
  const ChildResult result =
      run(words({}, {"hello", "hear", "phase=warmup", "failed=it ended after 7 steps", "exit=0"}));
  EXPECT_EQ(result.exit_status, 0);
  EXPECT_THAT(result.err, HasSubstr("not seen from inside: process "));
  EXPECT_THAT(result.err, HasSubstr(": it ended after 7 steps → wring diagnose --after 5 --steps 30 -- COMMAND"));
}

TEST_F(MonitorWhy, PythonThatIsIsolatedIsToldAtTheStart) {
  const ChildResult result = run({"--why", "--", "python3", "-I", "-c", "pass"});
  EXPECT_EQ(result.exit_status, 0);
  EXPECT_THAT(result.err, AllOf(HasSubstr("warning: python3 -I takes no notice"), HasSubstr("→ run it without -I\n"),
                                HasSubstr("not seen from inside: python3 -I")));
}

TEST_F(MonitorWhy, TheAgentIsInEveryPythonThatItStarts) {
  const ChildResult result =
      run({"--why", "--", "sh", "-c", "python3 -c 'import sys; print(hasattr(sys, \"_wring_agent\"))'"});
  EXPECT_EQ(result.out, "True\n");
}

TEST_F(MonitorWhy, WhenTheTimeIsOverTheProgramGoesOn) {
  // The summary is written when the time is over.
  const ChildResult result = run({"0.5", "--summary", "s.json", "--why", "--", "/bin/sh", "-c",
                                  "while [ ! -e s.json ]; do sleep 0.05; done; exit 3"});
  EXPECT_EQ(result.exit_status, 3);
  EXPECT_THAT(result.err, HasSubstr("not seen from inside: no process of it stepped a PyTorch optimiser within"));
}

TEST_F(MonitorWhy, CtrlCTellsWhatTheProgramSaidOnItsWayOut) {
  const auto program = start(words({}, {"polite=asked", "hello", "hear", "write=up:x", "hold"}));
  ASSERT_TRUE(RunningProgram::wait_until([&] { return programs_.exists("up"); })) << program->err();
  program->send(SIGINT);
  EXPECT_EQ(program->wait(), 0);
  EXPECT_THAT(program->err(), HasSubstr("inside the program, "));
}

TEST_F(MonitorWhy, ACommandThatCannotBeRunLeavesNothingBehind) {
  const ChildResult missing = run({"--why", "--", "no-such-command"});
  EXPECT_EQ(missing.exit_status, 127);
  EXPECT_THAT(missing.err, Not(HasSubstr("inside")));
}

TEST_F(MonitorWhy, WithoutACommandItIsWrongUsage) {
  const ChildResult result = run({"5", "--why"});
  EXPECT_EQ(result.exit_status, 2);
  EXPECT_THAT(result.err, AllOf(HasSubstr("--why needs a command to run"), HasSubstr("cannot be looked into")));
}

}  // namespace
}  // namespace wring

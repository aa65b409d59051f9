#include "wring/session/judged_process.h"

#include <gtest/gtest.h>

#include "fixtures/with_folder.h"
#include "wring/files/files.h"

namespace wring {
namespace {

// Two steps of 10 ms, in each of which a kernel runs for 9.5.
constexpr const char* kTrace = R"({"traceEvents": [
  {"ph": "X", "cat": "user_annotation", "name": "wring.step", "pid": 1, "tid": 1, "ts": 0, "dur": 1},
  {"ph": "X", "cat": "cuda_runtime", "name": "cudaLaunchKernel", "pid": 1, "tid": 1, "ts": 10, "dur": 5,
   "args": {"correlation": 1}},
  {"ph": "X", "cat": "kernel", "name": "sm90_gemm", "pid": 0, "tid": 7, "ts": 20, "dur": 9500,
   "args": {"stream": 7, "correlation": 1}},
  {"ph": "X", "cat": "user_annotation", "name": "wring.step", "pid": 1, "tid": 1, "ts": 10000, "dur": 1},
  {"ph": "X", "cat": "cuda_runtime", "name": "cudaLaunchKernel", "pid": 1, "tid": 1, "ts": 10010, "dur": 5,
   "args": {"correlation": 2}},
  {"ph": "X", "cat": "kernel", "name": "sm90_gemm", "pid": 0, "tid": 7, "ts": 10020, "dur": 9500,
   "args": {"stream": 7, "correlation": 2}},
  {"ph": "X", "cat": "user_annotation", "name": "wring.step", "pid": 1, "tid": 1, "ts": 20000, "dur": 1}
]})";

class JudgedProcessTest : public WithFolder {
 protected:
  Observation seen(const std::string& trace = kTrace) const {
    Observation observation;
    observation.process.device = "cuda:0";
    observation.steps.n = 50;
    observation.steps.mean_ms = 10;
    const std::filesystem::path file = folder_ / "rank0.json";
    write_file_atomically(file, trace);
    observation.trace = ObservedTrace{file, 2};
    return observation;
  }
};

TEST_F(JudgedProcessTest, ATraceIsDividedAndJudged) {
  const JudgedProcess judged = judge_process(seen());
  ASSERT_TRUE(judged.shares && judged.work);
  EXPECT_NEAR(judged.shares->computing_ms, 9.5, 0.01);
  EXPECT_NEAR(judged.work->kernels, 1, 1e-9);
  ASSERT_EQ(judged.findings.size(), 1U);
  EXPECT_EQ(judged.findings[0].finding.key, "compute_bound");
  EXPECT_TRUE(judged.no_finding.empty());
  ASSERT_TRUE(judged.timeline);
  EXPECT_EQ(judged.timeline->step_ms, 10);
}

TEST_F(JudgedProcessTest, FewStepsGetSharesButNoVerdict) {
  Observation observation = seen();
  observation.steps.n = 29;
  const JudgedProcess judged = judge_process(observation);
  EXPECT_TRUE(judged.shares);
  EXPECT_TRUE(judged.findings.empty());
  EXPECT_EQ(judged.no_finding.en, "29 steady steps were seen, and 30 are needed");
}

TEST_F(JudgedProcessTest, WithoutAGpuNothingIsDivided) {
  Observation observation = seen();
  observation.process.device = "cpu";
  const JudgedProcess judged = judge_process(observation);
  EXPECT_FALSE(judged.shares);
  EXPECT_NE(judged.no_finding.en.find("computes on the CPU"), std::string::npos);
}

TEST_F(JudgedProcessTest, AProgramThatProfilesItselfIsToldSo) {
  Observation observation = seen();
  observation.trace.reset();
  observation.no_trace = AgentReason{.words = "its words", .key = "own_profiler", .steps = {}, .error = ""};
  const Text why = judge_process(observation).no_shares;
  EXPECT_EQ(why.en, "there is no profile of its steps: the program runs a profiler of its own");
  EXPECT_EQ(why.zh, "没有训练步的性能分析记录：程序自身正在使用性能分析器（profiler）");
}

TEST_F(JudgedProcessTest, ADamagedTraceIsNamedAndTakesNothingElseAway) {
  const JudgedProcess judged = judge_process(seen(R"({"traceEvents": [)"));
  EXPECT_FALSE(judged.shares);
  EXPECT_NE(judged.no_shares.en.find("rank0.json"), std::string::npos);
  EXPECT_EQ(judged.seen.steps.n, 50);
}

}  // namespace
}  // namespace wring

#include "wring/session/judged_program.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fixtures/with_folder.h"
#include "wring/files/files.h"

namespace wring {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// Two steps of 10 ms: a kernel for `computes` µs, then a collective for `waits`.
std::string trace(int computes, int waits) {
  std::string events;
  for (int step = 0; step < 2; ++step) {
    const int at = 10'000 * step;
    const auto event = [&](const char* kind, const char* name, int begin, int length, int number) {
      events += R"({"ph":"X","cat":")" + std::string(kind) + R"(","name":")" + name + R"(","tid":1,"ts":)" +
                std::to_string(at + begin) + R"(,"dur":)" + std::to_string(length) +
                R"(,"args":{"stream":7,"correlation":)" + std::to_string(10 * step + number) + "}},";
    };
    event("user_annotation", "wring.step", 0, 1, 9);
    event("cuda_runtime", "cudaLaunchKernel", 10, 5, 1);
    event("cuda_runtime", "cudaLaunchKernel", 20, 5, 2);
    event("kernel", "sm90_gemm", 30, computes, 1);
    event("kernel", "ncclDevKernel_AllReduce", 30 + computes, waits, 2);
  }
  return R"({"traceEvents":[)" + events +
         R"({"ph":"X","cat":"user_annotation","name":"wring.step","tid":1,"ts":20000,"dur":1}]})";
}

class JudgedProgramTest : public WithFolder {
 protected:
  Observation rank(std::int64_t number, std::int64_t world, const std::string& trace) const {
    Observation seen;
    seen.process.device = "cuda:" + std::to_string(number);
    seen.process.rank = number;
    seen.process.world_size = world;
    seen.steps.n = 50;
    seen.steps.mean_ms = 10;
    const std::filesystem::path file = folder_ / ("rank" + std::to_string(number) + ".json");
    write_file_atomically(file, trace);
    seen.trace = ObservedTrace{file, 2};
    return seen;
  }
};

TEST_F(JudgedProgramTest, TheRankWithShortCollectivesHoldsTheOtherUp) {
  const JudgedProgram program = judge_program({rank(0, 2, trace(4000, 5900)), rank(1, 2, trace(9500, 400))});
  ASSERT_TRUE(program.verdict && program.verdict->straggler);
  EXPECT_THAT(program.verdict->stragglers, ElementsAre(1));
  EXPECT_EQ(program.verdict->straggler->reason, "computing");
  EXPECT_NEAR(program.verdict->straggler->found.give_back_ms, 5.5, 0.1);
  // What is left of rank 0's collectives is too little to be named.
  EXPECT_TRUE(program.ranks[0].findings.empty());
  EXPECT_THAT(program.ranks[0].no_finding.en, HasSubstr("waits for another rank"));
  EXPECT_TRUE(program.verdict->causes.empty());
}

TEST_F(JudgedProgramTest, ACauseOfAllRanksStandsOnceInTheVerdict) {
  const JudgedProgram program = judge_program({rank(0, 2, trace(5000, 4900)), rank(1, 2, trace(5000, 4900))});
  ASSERT_TRUE(program.verdict);
  EXPECT_FALSE(program.verdict->straggler);
  ASSERT_EQ(program.verdict->causes.size(), 1U);
  EXPECT_EQ(program.verdict->causes[0].found.finding.key, "collective_bound");
  EXPECT_THAT(program.verdict->causes[0].ranks, ElementsAre(0, 1));
}

TEST_F(JudgedProgramTest, ProcessesThatAreNoRanksOfOneProgramAreJudgedAlone) {
  const JudgedProgram program = judge_program({rank(0, 1, trace(9500, 400)), rank(0, 1, trace(9500, 400))});
  EXPECT_EQ(program.ranks.size(), 2U);
  EXPECT_FALSE(program.verdict);
  EXPECT_FALSE(judge_program({rank(0, 2, trace(9500, 400))}).verdict);  // the other one runs elsewhere
}

TEST_F(JudgedProgramTest, OneRankWithoutATraceLeavesTheStragglerOpen) {
  Observation untold = rank(1, 2, trace(9500, 400));
  untold.trace.reset();
  const JudgedProgram program = judge_program({rank(0, 2, trace(4000, 5900)), untold});
  ASSERT_TRUE(program.verdict);
  EXPECT_FALSE(program.verdict->straggler);
  EXPECT_THAT(program.verdict->causes.at(0).ranks, ElementsAre(0));
}

}  // namespace
}  // namespace wring

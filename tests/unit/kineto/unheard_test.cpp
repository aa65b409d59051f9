// Why a program without the agent gave nothing: one sentence that fits how far it came.
#include "wring/kineto/unheard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace wring::kineto {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

std::string why(const ObservedProgram& program, std::size_t processes) {
  const auto silence = why_unheard(program, processes);
  return silence ? silence->why.en : "";
}

TEST(Unheard, WithoutAnyPollNoSuitablePyTorchWasImported) {
  ObservedProgram program;
  program.end.exit_status = 0;
  program.waited_s = 3;
  EXPECT_THAT(why(program, 0), StartsWith("before it ended with exit code 0 after 3 s, no process of it imported"));
  program.how = EndOfProgram::timed_out;
  program.waited_s = 600;
  EXPECT_THAT(why(program, 0), StartsWith("in 600 s, no process"));
  EXPECT_THAT(why_unheard(program, 0)->why.zh, StartsWith("600 秒内没有进程"));
}

TEST(Unheard, WithPollsNoneSteppedForLongEnough) {
  ObservedProgram program;
  program.end.signal = 9;
  EXPECT_THAT(why(program, 2), HasSubstr("2 of its processes imported PyTorch, and none stepped"));
  EXPECT_THAT(why(program, 2), StartsWith("before signal 9 ended it"));
  EXPECT_THAT(why_unheard(program, 2)->way_out.en, HasSubstr("--after 5"));
}

TEST(Unheard, OneThatBeganIsToldByItsPhaseAndOneThatFailedByItsWords) {
  ObservedProgram program;
  program.how = EndOfProgram::timed_out;
  program.waited_s = 60;
  program.silent.resize(1);
  program.silent[0].process.pid = 7;
  program.silent[0].phase = "steps";
  EXPECT_EQ(why(program, 1), "after 60 s process 7 was still at the timing of steps");
  program.silent.resize(2);
  program.silent[1].process.pid = 8;
  program.silent[1].failure = Text("it is damaged");
  EXPECT_EQ(why(program, 2), "process 8: it is damaged");
}

TEST(Unheard, WhereSomethingWasSeenThereIsNothingToExplain) {
  ObservedProgram program;
  program.observations.resize(1);
  EXPECT_EQ(why(program, 1), "");
}

TEST(Unheard, TheOtherWayIsToldWithTheReasonForIt) {
  EXPECT_THAT(without_agent({}).why.en, StartsWith("wring looks in by torch's profiler alone"));
  EXPECT_THAT(without_agent({"python -I is deaf"}).why.en, StartsWith("python -I is deaf; wring looks in"));
}

}  // namespace
}  // namespace wring::kineto

// Planted situations: each gets its verdict, and what is not known is not said.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/findings/planted_cards.h"
#include "wring/base/error.h"
#include "wring/findings/features.h"
#include "wring/findings/judge.h"

namespace wring {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(Verdict, AMatmulLoopIsComputeBound) {
  EXPECT_THAT(keys(matmul_loop()), ElementsAre("compute_bound"));
}

TEST(Verdict, ACopyLoopIsBoundByMemoryBandwidthThoughItsSmsAreFull) {
  EXPECT_THAT(keys(copy_loop()), ElementsAre("memory_bandwidth_bound"));
}

TEST(Verdict, WithoutGpuUtilRulesAndReasonsSpeakOfSmActivity) {
  Features idle = nothing_runs();
  idle.gpu_util.reset();
  EXPECT_EQ(verdicts(idle).at(0).rule.en, "SM activity below 1 % (this card has no GPU-Util)");
  Features starves = minute();
  starves.sm_activity = 12;
  starves.program = readers(4, 99);
  ASSERT_THAT(keys(starves), ElementsAre("input_bound"));
  EXPECT_THAT(verdicts(starves)[0].rule.en, testing::StartsWith("SM activity < 35 % while the program's readers"));
  EXPECT_THAT(verdicts(starves)[0].rule.zh, testing::StartsWith("SM活跃度 < 35%"));
  starves.program = readers(4, 20);
  ASSERT_THAT(keys(starves), IsEmpty());
  EXPECT_THAT(why_no_verdict(starves).en, HasSubstr("the card waits")) << "12 % is not in use";
  starves.sm_activity = 50;
  EXPECT_THAT(why_no_verdict(starves).en, HasSubstr("no single limit"));
}

TEST(Verdict, OnlyTensorActivityProvesThatACardIsUsedAsItShouldBe) {
  EXPECT_THAT(verdicts(matmul_loop()).at(0).next_step.en, HasSubstr("as it should be"));
  Features passes_over_memory = minute();
  passes_over_memory.gpu_util = 99;
  passes_over_memory.sm_activity = 84;
  passes_over_memory.tensor_activity = 31;
  passes_over_memory.dram_activity = 45;
  ASSERT_THAT(keys(passes_over_memory), ElementsAre("compute_bound"));
  EXPECT_THAT(verdicts(passes_over_memory)[0].next_step.en,
              testing::AllOf(HasSubstr("wring diagnose"), testing::Not(HasSubstr("as it should be"))));
}

TEST(Verdict, AWellRunningProgramGetsNoAdvice) {
  Features convolutions = minute();
  convolutions.gpu_util = 82;
  convolutions.gpu_util_deviation = 21;
  convolutions.sm_activity = 64;
  convolutions.tensor_activity = 18;
  convolutions.dram_activity = 45;
  convolutions.fp32_activity = 9;
  convolutions.program = readers(16, 55);
  EXPECT_THAT(keys(convolutions), IsEmpty());
  EXPECT_THAT(why_no_verdict(convolutions).en, HasSubstr("no single limit"));
  Features gpt = minute();
  gpt.gpu_util = 96;
  gpt.sm_activity = 88;
  gpt.tensor_activity = 38;
  gpt.dram_activity = 41;
  gpt.program = main_thread(100, 6);  // it spins while it waits for the card
  EXPECT_THAT(keys(gpt), ElementsAre("compute_bound"));
}

// As an H200 showed it beside EDSR 128×12 in bf16: the power cap is touched all the time and costs 0.7 % of the clock.
TEST(Verdict, AtFullLoadThePowerCapStandsBehindTheLoad) {
  Features f = minute();
  f.gpu_util = 97.6;
  f.gpu_util_max = 100;
  f.sm_activity = 86.6;
  f.tensor_activity = 26;
  f.dram_activity = 22;
  f.power_of_limit = 93;
  f.power_throttled = 87;
  EXPECT_THAT(keys(f), ElementsAre("compute_bound", "power_throttled"));
}

TEST(Verdict, NothingThatRunsIsIdle) {
  EXPECT_THAT(keys(nothing_runs()), ElementsAre("idle"));
  Features mig = nothing_runs();
  mig.gpu_util.reset();
  EXPECT_THAT(keys(mig), ElementsAre("idle")) << "a MIG instance has no GPU-Util";
}

TEST(Verdict, AProgramThatHoldsMemoryWithoutComputingGetsOtherAdvice) {
  Features f = nothing_runs();
  f.memory_full = 60;
  EXPECT_THAT(verdicts(f).at(0).next_step.en, HasSubstr("holds memory"));
  EXPECT_THAT(verdicts(nothing_runs()).at(0).next_step.en, HasSubstr("nothing runs"));
}

TEST(Verdict, ACardThatWaitsWhileAnotherWorksWaitsInACollective) {
  EXPECT_EQ(keys(waits_for_a_slower_card()).at(0), "collective_bound");
  Features alone = waits_for_a_slower_card();
  alone.busy_peers = 0;
  alone.busiest_peer_sm_activity.reset();
  EXPECT_THAT(keys(alone), testing::Not(testing::Contains("collective_bound"))) << "one card waits for no other";
}

TEST(Verdict, ThatAnotherCardWorksIsSaidWhereItDoesAndMakesItSurer) {
  const Finding works = verdicts(waits_for_a_slower_card()).at(0);
  EXPECT_THAT(works.rule.en, HasSubstr("and another card works"));
  Features stuck = waits_for_a_slower_card();
  stuck.busiest_peer_sm_activity = 17;
  const Finding alike = verdicts(stuck).at(0);
  ASSERT_EQ(alike.key, "collective_bound");
  EXPECT_THAT(alike.rule.en, testing::Not(HasSubstr("another card works")));
  EXPECT_LT(alike.confidence, works.confidence);
}

TEST(Verdict, ThrottlingIsSaidBesideTheRest) {
  Features f = matmul_loop();
  f.power_throttled = 80;
  f.heat_throttled = 10;
  f.temperature_max_c = 91;
  EXPECT_THAT(keys(f), testing::UnorderedElementsAre("compute_bound", "power_throttled", "thermally_throttled"));
  f.power_throttled = 5;
  f.heat_throttled = 1;
  EXPECT_THAT(keys(f), ElementsAre("compute_bound"));
}

TEST(Verdict, MemoryNearlyFullIsSaid) {
  Features f = matmul_loop();
  f.memory_full = 97;
  EXPECT_THAT(keys(f), ElementsAre("compute_bound", "memory_nearly_full"));
  f.memory_full = 90;
  EXPECT_THAT(keys(f), ElementsAre("compute_bound"));
}

TEST(Verdict, AFullCardIsNeverUsedTooMuch) {
  for (const Finding& verdict : verdicts(matmul_loop())) {
    EXPECT_THAT(verdict.next_step.en, testing::Not(HasSubstr("too much")));
    EXPECT_THAT(verdict.next_step.en, testing::Not(HasSubstr("reduce")));
  }
}

TEST(Verdict, IsSilentBelowTwentySeconds) {
  for (Features f : {matmul_loop(), copy_loop(), tiny_eager_model(), loader_without_workers(), nothing_runs(),
                     waits_for_a_slower_card()}) {
    f.data_s = f.steady_s = 19.9;
    EXPECT_THAT(verdicts(f), IsEmpty());
    EXPECT_THAT(why_no_verdict(f).en, HasSubstr("the steady part lasted 19 s"));
    f.data_s = 20;
    EXPECT_FALSE(verdicts(f).empty());
  }
}

TEST(Verdict, SaysNothingWithoutEvidence) {
  EXPECT_THAT(verdicts(minute()), IsEmpty());
  EXPECT_THAT(why_no_verdict(minute()).en, HasSubstr("could be read"));
  Features low = minute();
  low.gpu_util = 45;
  EXPECT_THAT(verdicts(low), IsEmpty()) << "low use alone has many causes";
  Features high = minute();
  high.gpu_util = 99;
  EXPECT_THAT(verdicts(high), IsEmpty()) << "GPU-Util alone says little";
  Features fair = minute();
  fair.gpu_util = 90;
  fair.sm_activity = 60;
  fair.tensor_activity = 30;
  fair.dram_activity = 40;
  fair.power_of_limit = 65;
  EXPECT_THAT(verdicts(fair), IsEmpty()) << "a balanced load has no single limit";
}

TEST(Verdict, BeforeHopperTheRulesUseOtherReadingsAndTrustThemLess) {
  const auto without_gpm = [](Features f) {
    f.sm_activity.reset();
    f.tensor_activity.reset();
    f.dram_activity.reset();
    return f;
  };
  Features matmul = without_gpm(matmul_loop());
  matmul.memory_util = 35;
  ASSERT_THAT(keys(matmul), ElementsAre("compute_bound"));
  EXPECT_LT(verdicts(matmul)[0].confidence, verdicts(matmul_loop())[0].confidence);

  Features copy = without_gpm(copy_loop());
  copy.memory_util = 95;
  ASSERT_THAT(keys(copy), ElementsAre("memory_bandwidth_bound"));
  EXPECT_LT(verdicts(copy)[0].confidence, verdicts(copy_loop())[0].confidence);

  Features tiny = without_gpm(tiny_eager_model());
  tiny.memory_util = 3;
  ASSERT_THAT(keys(tiny), ElementsAre("launch_bound"));
  EXPECT_LT(verdicts(tiny)[0].confidence, verdicts(tiny_eager_model())[0].confidence);
}

TEST(Verdict, ThatTheTensorCoresAreUnusedIsAStatementOfItsOwn) {
  Features f = minute();
  f.gpu_util = 98;
  f.sm_activity = 71;
  f.tensor_activity = 0;
  f.dram_activity = 30;
  f.fp32_activity = 44;
  ASSERT_THAT(keys(f), ElementsAre("tensor_cores_unused"));
  EXPECT_THAT(verdicts(f)[0].next_step.en, HasSubstr("bf16"));
  f.sm_activity = 92;
  EXPECT_THAT(keys(f), ElementsAre("tensor_cores_unused")) << "it says more than compute-bound";
}

TEST(Verdict, ATransformerInExactFp32AsOnAnH200HardlyUsesTheTensorCores) {
  Features f = minute();
  f.gpu_util = 92.9;
  f.sm_activity = 86.1;
  f.tensor_activity = 2.47;
  f.dram_activity = 11.3;
  f.fp32_activity = 55.9;
  EXPECT_THAT(keys(f), ElementsAre("tensor_cores_unused"));
}

TEST(Verdict, ThatTheTensorCoresAreUnusedIsNotSaidWithoutTheCardsWord) {
  Features f = minute();
  f.gpu_util = 98;
  f.sm_activity = 71;
  f.fp32_activity = 44;
  f.dram_activity = 30;
  EXPECT_THAT(keys(f), IsEmpty()) << "tensor activity cannot be read";
  f.tensor_activity = 4;
  EXPECT_THAT(keys(f), IsEmpty()) << "they are used a little";
  f.tensor_activity = 0;
  f.fp32_activity = 2;
  EXPECT_THAT(keys(f), IsEmpty()) << "no arithmetic to speak of";
  f.fp32_activity = 44;
  f.sm_activity = 20;
  EXPECT_THAT(keys(f), IsEmpty()) << "the card hardly computes";
}

TEST(Verdict, CarriesRuleNumbersConfidenceAndNextStepInBothLanguages) {
  for (const Features& f : {matmul_loop(), copy_loop(), tiny_eager_model(), loader_without_workers(), nothing_runs(),
                            small_step_from_python(), waits_for_a_slower_card()}) {
    for (const Finding& verdict : verdicts(f)) {
      for (const Text& text : {verdict.headline, verdict.rule, verdict.numbers, verdict.next_step}) {
        EXPECT_FALSE(text.en.empty()) << verdict.key;
        EXPECT_FALSE(text.zh.empty()) << verdict.key;
        EXPECT_NE(text.en, text.zh) << verdict.key;
      }
      EXPECT_GT(verdict.confidence, 0.3) << verdict.key;
      EXPECT_LE(verdict.confidence, 1) << verdict.key;
    }
  }
}

TEST(Verdict, ARuleThatIsDisabledFindsNothing) {
  Features f = matmul_loop();
  f.power_throttled = 30;
  f.memory_full = 99;
  std::vector<std::string> disabled;
  for (const Finding& verdict : verdicts(f)) {
    const std::size_t before = verdicts(f, disabled).size();
    disabled.emplace_back(verdict.key);
    EXPECT_EQ(verdicts(f, disabled).size(), before - 1) << verdict.key;
  }
  EXPECT_EQ(disabled.size(), 3U);
  EXPECT_THROW(verdicts(f, std::vector<std::string>{"computes"}), Error);
}

TEST(Verdict, IsNamedByItsRule) {
  for (const Features& f : {matmul_loop(), copy_loop(), tiny_eager_model(), loader_without_workers(), nothing_runs(),
                            waits_for_a_slower_card()}) {
    for (const Finding& verdict : verdicts(f)) EXPECT_THAT(verdict_rules(), testing::Contains(verdict.key));
  }
}

}  // namespace
}  // namespace wring

// Six ordinary programs from their start to their end, each with 20 s of imports, and programs near to them: what the
// monitor says of them.
#include "unit/telemetry/watched_program.h"

#include <nlohmann/json.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "wring/monitor/write/summary_json.h"
#include "wring/monitor/write/summary_text.h"

namespace wring {
namespace {

using namespace testing_support;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr TextStyle kEnglish{Language::en, true};

std::string last_line(const WatchedProgram& program) {
  std::string text = summary_headline(program.summary(), kEnglish);
  text.pop_back();
  return text.substr(text.rfind('\n') + 1);
}

WatchedProgram started() {
  WatchedProgram program;
  program.imports(20).starts_up(6);
  return program;
}

TEST(WatchedProgram, ThatRunsWellWithWorkersAheadOfItIsToldNothing) {
  WatchedProgram program = started();
  program.does(44, trains_on_photographs(), 0.12).ends();
  EXPECT_THAT(program.verdicts(), IsEmpty());
  EXPECT_EQ(last_line(program), "✅ The GPU is well used! (in its steady part)");
}

TEST(WatchedProgram, ThatRunsWellWithoutALoaderIsComputeBound) {
  WatchedProgram program = started();
  program.does(44, trains_a_gpt()).ends();
  EXPECT_THAT(program.verdicts(), ElementsAre("compute_bound"));
  EXPECT_EQ(last_line(program), "✅ The GPU is well used! (in its steady part)");
}

TEST(WatchedProgram, ThatDecodesInItsMainThreadIsInputBound) {
  WatchedProgram program = started();
  program.does_in_turn(44, {decodes(), trains_on_what_was_decoded(), decodes()}).ends();
  EXPECT_THAT(program.verdicts(), ElementsAre("input_bound"));
  EXPECT_THAT(last_line(program), testing::StartsWith("💡 The GPU has room: input-bound: the GPU waits for data. "));
  EXPECT_THAT(last_line(program), HasSubstr("num_workers"));
}

TEST(WatchedProgram, ThatLaunchesSmallStepsIsLaunchBound) {
  WatchedProgram program = started();
  program.does(44, launches(), 0.2).ends();
  EXPECT_THAT(program.verdicts(), ElementsAre("launch_bound"));
  EXPECT_THAT(last_line(program), Not(HasSubstr("num_workers")));
}

TEST(WatchedProgram, ThatComputesInFp32IsToldThatTheTensorCoresAreHardlyUsed) {
  WatchedProgram program = started();
  program.does(44, trains_in_fp32()).ends();
  EXPECT_THAT(program.verdicts(), ElementsAre("tensor_cores_unused"));
  EXPECT_THAT(last_line(program), testing::StartsWith("✅ GPU-Util is high, but the tensor cores are hardly used"));
}

TEST(WatchedProgram, ThatValidatesAndSavesOftenIsJudgedByItsTraining) {
  WatchedProgram program = started();
  for (int epoch = 0; epoch < 5; ++epoch) program.does(8, trains_a_gpt()).does(3, validates()).does(2, saves());
  program.does(8, trains_a_gpt()).ends();
  EXPECT_THAT(program.verdicts(), ElementsAre("compute_bound"));
  EXPECT_DOUBLE_EQ(program.seconds_of(Phase::pause), 25);
  EXPECT_DOUBLE_EQ(program.seconds_of(Phase::steady), 48);
  const std::string details = summary_details(program.summary(), kEnglish);
  EXPECT_THAT(details, HasSubstr("validation or saving 25 s"));
}

TEST(WatchedProgram, IsShownWithItsPhasesAndTheirShares) {
  WatchedProgram program = started();
  program.does(44, trains_a_gpt()).ends();
  // The first of the 72 readings describes the time before.
  EXPECT_THAT(
      summary_details(program.summary(), kEnglish),
      HasSubstr("  phases: no context on the card 19 s (27%), start-up 6 s (8%), steady 44 s (62%), end 2 s (3%)\n"
                "  GPU-Util in the steady part: 9"));
  EXPECT_THAT(summary_details(program.summary(), {Language::zh, true}),
              HasSubstr("  阶段：未使用显卡 19 s（27%）、启动 6 s（8%）、稳定 44 s（62%）、收尾 2 s（3%）"));
  EXPECT_THAT(summary_headline(program.summary(), kEnglish), HasSubstr("Average GPU-Util: 60"));
  EXPECT_THAT(summary_headline(program.summary(), kEnglish), HasSubstr("% (steady part: 9"));
  const auto json = summary_json(program.summary(), Language::en, true);
  EXPECT_EQ(json.at("gpus").at(0).at("phases").at("no_context").at("seconds"), 19);
  EXPECT_EQ(json.at("gpus").at(0).at("phases").at("steady").at("seconds"), 44);
  EXPECT_GT(json.at("gpus").at(0).at("steady").at("gpu_util").get<double>(), 90);
  EXPECT_EQ(json.at("gpus").at(0).at("steady").at("program").at("launching_percent"), 100);
  EXPECT_TRUE(json.at("gpus").at(0).at("no_verdict").is_null());
}

TEST(WatchedProgram, WithLessThanTwentySecondsOfItsSteadyPartIsNotJudged) {
  WatchedProgram nearly = started();
  nearly.does(19, launches()).ends();
  EXPECT_THAT(nearly.verdicts(), IsEmpty());
  EXPECT_EQ(last_line(nearly),
            "💡 The GPU has room; why is not known: the steady part lasted 19 s, and 20 s of it are needed");
  EXPECT_THAT(summary_details(nearly.summary(), kEnglish), HasSubstr("  no verdict: the steady part lasted 19 s"));
  WatchedProgram enough = started();
  enough.does(21, launches()).ends();
  EXPECT_THAT(enough.verdicts(), ElementsAre("launch_bound"));
}

TEST(WatchedProgram, OnlyImportsAndStartUpAreNotWaiting) {
  WatchedProgram program;
  program.imports(60).starts_up(12).ends();
  EXPECT_THAT(program.verdicts(), IsEmpty());
  EXPECT_THAT(last_line(program), Not(HasSubstr("num_workers")));
}

TEST(WatchedProgram, ThatEndsInALongSaveIsJudgedByItsTraining) {
  WatchedProgram program = started();
  program.does(25, trains_a_gpt()).does(40, saves()).ends();
  EXPECT_THAT(program.verdicts(), ElementsAre("compute_bound"));
  EXPECT_DOUBLE_EQ(program.seconds_of(Phase::end), 42);
}

TEST(WatchedProgram, WhoseWorkersDecodeWithoutAPauseIsInputBound) {
  Second starved = trains_on_photographs();
  starved.util = 34;
  starved.sm = 25;
  starved.launching = 30;
  starved.readers = 4;
  starved.readers_busy = 99;
  WatchedProgram program = started();
  program.does(44, starved, 0.3).ends();
  EXPECT_THAT(program.verdicts(), ElementsAre("input_bound"));
  WatchedProgram in_waves = started();
  Second waits = starved;
  waits.util = waits.sm = 0;
  starved.util = 84;
  starved.sm = 60;
  for (int wave = 0; wave < 6; ++wave) in_waves.does(5, starved).does(6, waits);
  in_waves.does(5, starved).ends();
  EXPECT_THAT(in_waves.verdicts(), ElementsAre("input_bound"));
}

TEST(WatchedProgram, WhoseCpuIsReadEveryFewSecondsIsJudgedTheSame) {
  WatchedProgram program(true, 4);
  program.imports(20).starts_up(6).does(44, launches(), 0.2).ends();
  EXPECT_THAT(program.verdicts(), ElementsAre("launch_bound"));
}

TEST(WatchedProgram, WhoseCardIsWatchedFromTheMiddleOnHasNoStartUp) {
  WatchedProgram program(/*of_command=*/false);
  program.does(40, launches(), 0.2);
  EXPECT_THAT(program.verdicts(), ElementsAre("launch_bound"));
  EXPECT_DOUBLE_EQ(program.seconds_of(Phase::steady), 39);
  WatchedProgram from_before_its_start(false);
  from_before_its_start.imports(20).starts_up(6).does(40, launches(), 0.2);
  EXPECT_THAT(from_before_its_start.verdicts(), ElementsAre("launch_bound"));
  EXPECT_DOUBLE_EQ(from_before_its_start.seconds_of(Phase::no_context), 19);
}

TEST(WatchedProgram, ThatNeverUsesTheCardLeavesItIdleAndTheAdviceKnowsOfTheCommand) {
  WatchedProgram program;
  program.imports(40).ends(4);
  ASSERT_THAT(program.verdicts(), ElementsAre("idle"));
  EXPECT_THAT(program.findings().verdicts[0].next_step.en, HasSubstr("the command gave this card nothing to do"));
}

TEST(WatchedProgram, ThatHoldsTheCardAndDoesNothingLeavesItIdle) {
  WatchedProgram program;
  program.imports(5).does(1, {.util = 3, .sm = 0.2}).does(40, {.memory_mib = 20000, .busiest_core = 5}).ends();
  ASSERT_THAT(program.verdicts(), ElementsAre("idle"));
  EXPECT_THAT(program.findings().verdicts[0].next_step.en, HasSubstr("holds memory"));
}

// Hours of it: what is old is settled, and the picture stays the same.
TEST(WatchedProgram, OfALongRunKeepsItsPhasesAndItsVerdict) {
  WatchedProgram program = started();
  for (int epoch = 0; epoch < 100; ++epoch) program.does(50, trains_a_gpt()).does(6, validates()).does(4, saves());
  program.does(50, trains_a_gpt()).ends();
  EXPECT_DOUBLE_EQ(program.seconds_of(Phase::no_context), 19);
  EXPECT_DOUBLE_EQ(program.seconds_of(Phase::start_up), 6);
  EXPECT_DOUBLE_EQ(program.seconds_of(Phase::pause), 1000);
  EXPECT_DOUBLE_EQ(program.seconds_of(Phase::steady), 5050);
  EXPECT_DOUBLE_EQ(program.seconds_of(Phase::end), 2);
  EXPECT_THAT(program.verdicts(), ElementsAre("compute_bound"));
  EXPECT_NEAR(program.card_summary().phases.steady.mean(Metric::gpu_util).value(), 97, 1);
}

TEST(WatchedProgram, OnACardWithoutGpmIsNotToldOfItsTensorCores) {
  SummaryBuilder builder({card(0)}, /*of_command=*/true);
  for (int second = 0; second < 60; ++second) {
    Tick tick;
    tick.time_s = second;
    tick.interval_s = 1;
    tick.gpus.resize(1);
    tick.gpus[0].sample = sample_at(second, {{Metric::gpu_util, second < 20 ? 0 : 94.0},
                                             {Metric::memory_used, second < 20 ? 4 : 9000.0},
                                             {Metric::memory_util, 30},
                                             {Metric::power, 180},
                                             {Metric::power_limit, 250}});
    builder.on_tick(tick);
  }
  builder.command_ended();
  EXPECT_TRUE(judged(builder.summary()).findings[0].verdicts.empty());
  EXPECT_DOUBLE_EQ(builder.summary().gpus[0].phases.of(Phase::no_context), 19);
}

}  // namespace
}  // namespace wring

// What a card that waits is told: launches, the loader, the disk.
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

TEST(Verdict, ATinyModelInEagerModeIsLaunchBound) {
  EXPECT_THAT(keys(tiny_eager_model()), ElementsAre("launch_bound"));
  Features full = tiny_eager_model();
  full.gpu_util = 100;
  EXPECT_THAT(keys(full), ElementsAre("launch_bound"));
}

TEST(Verdict, ALoaderWithoutWorkersIsInputBound) {
  EXPECT_THAT(keys(loader_without_workers()), ElementsAre("input_bound"));
}

TEST(Verdict, ALoaderThatWaitsForTheDiskIsInputBoundAndTheAdviceNamesTheDisk) {
  Features f = loader_without_workers();
  f.program = readers(8, 12);
  f.program->readers_wanting = 90;
  f.program->readers_at_disk = 80;
  ASSERT_THAT(keys(f), ElementsAre("input_bound"));
  EXPECT_THAT(verdicts(f)[0].next_step.en, HasSubstr("disk"));
  EXPECT_THAT(verdicts(f)[0].numbers.en, HasSubstr("readers waiting for the disk 80 %"));
}

TEST(Verdict, TheDiskIsNotBlamedForWhatAnotherProgramWaitsFor) {
  Features f = loader_without_workers();
  f.host_iowait = 20;
  EXPECT_THAT(verdicts(f).at(0).next_step.en, HasSubstr("the training thread loads its data itself"));
  f.program = readers(4, 97);
  EXPECT_THAT(verdicts(f).at(0).next_step.en, HasSubstr("raise num_workers"));
}

TEST(Verdict, WorkersThatNeedEveryCoreAreInputBound) {
  Features f = loader_without_workers();
  f.program = readers(16, 96);
  f.host_cpu = 97;
  ASSERT_THAT(keys(f), ElementsAre("input_bound"));
  EXPECT_THAT(verdicts(f)[0].next_step.en, HasSubstr("all cores"));
  EXPECT_THAT(verdicts(f)[0].numbers.en, HasSubstr("readers at work 16, each busy 96 %"));
  f.host_cpu = 30;
  EXPECT_THAT(verdicts(f)[0].next_step.en, HasSubstr("raise num_workers"));
}

TEST(Verdict, WorkersThatACgroupHoldsBackWantTheirCoreAllTheTime) {
  Features f = loader_without_workers();
  f.program = readers(16, 25);
  f.program->readers_wanting = 97;
  EXPECT_THAT(keys(f), ElementsAre("input_bound"));
}

TEST(Verdict, OneStageOfThePipelineIsEnough) {
  Features f = loader_without_workers();
  f.program = readers(9, 40);
  f.program->busiest_reader = 98;  // the thread that pins memory, or one worker
  EXPECT_THAT(keys(f), ElementsAre("input_bound"));
}

TEST(Verdict, ReadersThatMostlyWaitForTheCardAreNoCause) {
  Features f = loader_without_workers();
  f.program = readers(16, 40);
  EXPECT_THAT(keys(f), IsEmpty());
  EXPECT_THAT(why_no_verdict(f).en, HasSubstr("readers (16 at work)"));
}

TEST(Verdict, ASwingOfTheMeanIsNoEvidenceOfWaiting) {
  Features f = minute();
  f.gpu_util = 50;
  f.gpu_util_deviation = 45;
  f.host_busiest_core = 99;
  f.host_cpu = 90;
  EXPECT_THAT(keys(f), IsEmpty()) << "another program may keep the cores busy";
  EXPECT_THAT(why_no_verdict(f).en, HasSubstr("cannot be seen"));
}

TEST(Verdict, ASmallStepThatIsLaunchedFromPythonIsLaunchBoundAtLowUseToo) {
  for (const double util : {3.0, 7.0, 13.0, 45.0}) {
    Features f = small_step_from_python();
    f.gpu_util = util;
    f.sm_activity = util / 5;
    EXPECT_THAT(keys(f), ElementsAre("launch_bound")) << util;
  }
  Features without_a_backward_thread = small_step_from_python();
  without_a_backward_thread.program->backward.reset();
  EXPECT_THAT(keys(without_a_backward_thread), ElementsAre("launch_bound"));
}

TEST(Verdict, AMainThreadThatReadsIsNotTakenForOneThatLaunches) {
  Features reads = small_step_from_python();
  reads.program = main_thread(99, 2, 30);
  EXPECT_THAT(keys(reads), ElementsAre("input_bound"));
  EXPECT_THAT(verdicts(reads)[0].next_step.en, HasSubstr("num_workers of 1 and more"));
  Features draws_large_batches = small_step_from_python();
  draws_large_batches.sm_activity = 6;  // of 10: the kernels fill the card while they run
  draws_large_batches.program = main_thread(99, 2, 0);
  EXPECT_THAT(keys(draws_large_batches), ElementsAre("input_bound"));
  Features reads_a_little_and_launches = small_step_from_python();
  reads_a_little_and_launches.program = main_thread(99, 27, 3);
  EXPECT_THAT(keys(reads_a_little_and_launches), ElementsAre("launch_bound"));
}

TEST(Verdict, ABusyMainThreadThatMayDoEitherGetsNoVerdict) {
  Features f = small_step_from_python();
  f.program = main_thread(99, 3, 0);
  EXPECT_THAT(keys(f), IsEmpty());
  EXPECT_THAT(why_no_verdict(f).en, HasSubstr("launches small kernels or prepares data"));
}

TEST(Verdict, SmallKernelsThatWaitForReadersAreInputBoundAlone) {
  Features f = small_step_from_python();
  f.sm_activity = 0.5;
  f.program = readers(4, 99);
  EXPECT_THAT(keys(f), ElementsAre("input_bound"));
}

// As an H200 showed it beside a DataLoader of 0 workers that decodes whole PNG files.
TEST(Verdict, ACardThatHardlyEverGetsABatchStarvesAndIsNotIdle) {
  Features f = minute();
  f.gpu_util = 0.35;
  f.gpu_util_max = 2;
  f.gpu_util_deviation = 0.76;
  f.sm_activity = 0.085;
  f.tensor_activity = 0;
  f.dram_activity = 0.015;
  f.power_of_limit = 18;
  f.host_busiest_core = 96.8;
  f.host_cpu = 13.2;
  f.host_iowait = 0.05;
  f.program = main_thread(96, 1, 60);
  EXPECT_THAT(keys(f), ElementsAre("input_bound"));
  f.program.reset();
  EXPECT_THAT(keys(f), IsEmpty()) << "not idle, but whose the busy core is cannot be seen";
}

// A MIG instance.

}  // namespace
}  // namespace wring

// wring-train's side of the trial protocol, through its pipes.
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fixtures/drawn_photographs.h"
#include "fixtures/programs.h"
#include "wring/trial/protocol.h"

namespace wring {
namespace {

using namespace testing_support;
using testing::ElementsAre;
using testing::HasSubstr;

const char* const kTinyConfig =
    "base_channels: 8\n"
    "num_blocks: 1\n"
    "scale_factor: 2\n"
    "batch_size: 2\n"
    "patch_size: 32\n"
    "num_workers: 1\n"
    "data_dir: data\n"
    "experiment_name: run\n";

TrialRequest quick(TrialData data) {
  TrialRequest request;
  request.measure.data = data;
  request.measure.min_seconds = 0.01;
  request.measure.max_seconds = 0.2;
  return request;
}

class Trial : public testing::Test {
 protected:
  void SetUp() override {
    draw_training_set(programs_, 3);
    draw_photograph(programs_, "data/val/HR/0.png", 64, 48, 7);
    programs_.folder().write("tiny.yaml", kTinyConfig);
  }
  // Gives the worker these lines, then the end of its input.
  ChildResult worker(const std::string& lines, const std::string& more = "") const {
    programs_.folder().write("requests", lines);
    return programs_.run(
        "sh", {"-c", Programs::binary("wring-train") + " trial tiny.yaml --device cpu " + more + " <requests"});
  }
  // Of each request in turn; every line of standard output must be the protocol's.
  std::vector<TrialEvent> events(const std::vector<TrialRequest>& requests, const std::string& more = "") const {
    std::string lines;
    for (std::size_t i = 0; i < requests.size(); ++i) {
      lines += request_line({static_cast<std::int64_t>(i + 1), requests[i]}) + "\n";
    }
    const ChildResult result = worker(lines, more);
    EXPECT_TRUE(result.ok()) << result.err;
    return events_in(result);
  }
  static std::vector<TrialEvent> events_in(const ChildResult& result) {
    std::vector<TrialEvent> events;
    std::istringstream text(result.out);
    for (std::string line; std::getline(text, line);) {
      const auto event = parse_event(line);
      EXPECT_TRUE(event) << line;
      if (event) events.push_back(*event);
    }
    return events;
  }
  static std::vector<TrialResult> results(const std::vector<TrialEvent>& events) {
    std::vector<TrialResult> results;
    for (const TrialEvent& event : events) {
      if (event.done) results.push_back(*event.done);
    }
    return results;
  }

  Programs programs_;
};

TEST_F(Trial, MeasuresTheThreeRatesInOneWorker) {
  const auto found = results(events({quick(TrialData::real), quick(TrialData::resident), quick(TrialData::loader)}));
  ASSERT_EQ(found.size(), 3U);
  for (const TrialResult& result : found) {
    EXPECT_EQ(result.outcome, TrialOutcome::ok) << result.message;
    EXPECT_GT(result.samples_per_s, 0);
    EXPECT_GE(result.step_ms.n, 2);
    EXPECT_GE(result.step_ms.p95, result.step_ms.median);
  }
  EXPECT_TRUE(found[0].data_wait_ms);
  EXPECT_FALSE(found[1].data_wait_ms);
  EXPECT_GT(found[0].loss, 0.0);
  EXPECT_THAT(found[0].engine, HasSubstr("eager"));
  EXPECT_FALSE(found[2].loss);  // no step at all
}

TEST_F(Trial, ABatchLargerThanTheDataSetIsMeasured) {
  std::vector<TrialRequest> requests{quick(TrialData::real), quick(TrialData::resident), quick(TrialData::loader)};
  for (TrialRequest& request : requests) request.set = {{"batch_size", "7"}};  // of 3 images
  const auto found = results(events(requests));
  ASSERT_EQ(found.size(), 3U);
  for (const TrialResult& result : found) {
    EXPECT_EQ(result.outcome, TrialOutcome::ok) << result.message;
    ASSERT_TRUE(result.samples_per_s);
    EXPECT_NEAR(*result.samples_per_s * result.step_ms.median, 1000 * 7, 1e-6);
  }
}

TEST_F(Trial, OnTheCpuThereIsNoShareOfKernelsToTell) {
  TrialRequest request = quick(TrialData::resident);
  request.measure.kernels = true;
  const auto found = results(events({request}));
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].outcome, TrialOutcome::ok) << found[0].message;
  EXPECT_FALSE(found[0].kernel_busy_percent);
  EXPECT_TRUE(found[0].kernels.empty());
}

TEST_F(Trial, TellsWhatAStepAsksOfTheArithmeticUnitsAndWhatTheyReachWhereItIsAskedTo) {
  TrialRequest request = quick(TrialData::resident);
  EXPECT_FALSE(results(events({request})).at(0).arithmetic.matmul_tflops);
  request.measure.kernels = true;
  TrialRequest larger = request;
  larger.set = {{"batch_size", "6"}};
  TrialRequest perceptual = request;
  perceptual.set = {{"use_perceptual", "true"}};
  const auto found = results(events({request, larger, perceptual}));
  ASSERT_EQ(found.size(), 3U);
  const TrialArithmetic& step = found[0].arithmetic;
  EXPECT_EQ(step.precision, "fp32");
  EXPECT_GT(step.matmul_tflops, 0.0);
  EXPECT_EQ(found[1].arithmetic.matmul_tflops, step.matmul_tflops) << "measured once a worker";
  ASSERT_TRUE(step.tflop_per_step && found[1].arithmetic.tflop_per_step && found[2].arithmetic.tflop_per_step);
  // 8 channels, 1 block, ×2 on 16×16 LR pixels, two samples: first layer 216 twice, body and folded tail thrice.
  const double macs = 2 * 216.0 + 3 * (3 * 576.0 + 25 * 8 * 12);
  EXPECT_NEAR(*step.tflop_per_step * 1e12, 2 * 2 * macs * 256, 1);
  EXPECT_NEAR(*found[1].arithmetic.tflop_per_step / *step.tflop_per_step, 3, 1e-9);
  EXPECT_GT(*found[2].arithmetic.tflop_per_step, 100 * *step.tflop_per_step) << "VGG-19";
}

TEST_F(Trial, TellsItsPhasesAndValidatesBetweenStepsWhereAsked) {
  TrialRequest request = quick(TrialData::real);
  request.measure.validate = true;
  std::vector<std::string> phases;
  for (const TrialEvent& event : events({request})) phases.push_back(event.done ? "done" : event.phase);
  EXPECT_THAT(phases, ElementsAre("load", "warmup", "validate", "measure", "done"));
}

TEST_F(Trial, GoesOnForTheStepsThatASoakAsksFor) {
  TrialRequest request = quick(TrialData::resident);
  request.measure.max_seconds = 60;
  request.measure.rel_ci = 1;  // steps alone decide
  request.measure.min_steps = 30;
  const auto found = results(events({request}));
  ASSERT_EQ(found.size(), 1U);
  EXPECT_GE(found[0].step_ms.n, 30);
}

TEST_F(Trial, AValueThatIsWrongIsAnErrorThatNamesTheKeyAndEndsTheWorker) {
  TrialRequest wrong = quick(TrialData::real);
  wrong.set = {{"batch_size", "none"}};
  const auto found = results(events({wrong, quick(TrialData::real)}));
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].outcome, TrialOutcome::error);
  EXPECT_THAT(found[0].message, HasSubstr("batch_size"));
}

TEST_F(Trial, ABatchThatDoesNotFitIsAnOutcome) {
  programs_.set("WRING_TEST_OOM_ABOVE_BATCH", "4");
  TrialRequest fits = quick(TrialData::real);
  fits.set = {{"batch_size", "4"}};
  TrialRequest large = fits;
  large.set = {{"batch_size", "5"}};
  const auto found = results(events({fits, large}));
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].outcome, TrialOutcome::ok) << found[0].message;
  EXPECT_EQ(found[1].outcome, TrialOutcome::oom);
}

TEST_F(Trial, RanksRunEveryRequestTogetherAndSpeakWithOneVoice) {
  programs_.set("WRING_RANK_TIMEOUT", "5");
  const auto alone = results(events({quick(TrialData::resident)}));
  const auto found =
      results(events({quick(TrialData::real), quick(TrialData::resident), quick(TrialData::loader)}, "--nproc 2"));
  ASSERT_EQ(alone.size(), 1U);
  ASSERT_EQ(found.size(), 3U);
  for (const TrialResult& result : found) {
    EXPECT_EQ(result.outcome, TrialOutcome::ok) << result.message;
  }
  // The rate is that of both: a batch of 2 on each.
  EXPECT_NEAR(found[1].samples_per_s.value() * found[1].step_ms.median, 1000 * 2 * 2, 1e-6);
  EXPECT_NEAR(alone[0].samples_per_s.value() * alone[0].step_ms.median, 1000 * 2, 1e-6);
}

TEST_F(Trial, ABatchThatDoesNotFitIsTheOutcomeOfAllRanks) {
  programs_.set("WRING_RANK_TIMEOUT", "5");
  programs_.set("WRING_TEST_OOM_ABOVE_BATCH", "4");
  TrialRequest large = quick(TrialData::real);
  large.set = {{"batch_size", "5"}};
  const auto found = results(events_in(
      worker(request_line({1, quick(TrialData::real)}) + "\n" + request_line({2, large}) + "\n", "--nproc 2")));
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].outcome, TrialOutcome::ok) << found[0].message;
  EXPECT_EQ(found[1].outcome, TrialOutcome::oom) << found[1].message;
}

TEST_F(Trial, TouchesNoExperiment) {
  events({quick(TrialData::real)});
  EXPECT_FALSE(programs_.exists("experiments"));
}

TEST_F(Trial, WhatIsNoRequestEndsItWithTheReason) {
  const ChildResult result = worker("{\"v\":1}\n");
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.err, HasSubstr("id"));
  EXPECT_EQ(result.out, "");
}

TEST_F(Trial, AConfigThatCannotBeReadIsAUsageError) {
  programs_.folder().write("tiny.yaml", "batch_size: four\n");
  const ChildResult result = worker("");
  EXPECT_EQ(result.exit_status, 2);
  EXPECT_THAT(result.err, HasSubstr("batch_size"));
}

}  // namespace
}  // namespace wring

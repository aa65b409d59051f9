#include "wring/report/tuning/json.h"

#include <nlohmann/json.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sample_record.h"

namespace wring {
namespace {

using nlohmann::json;
using namespace testing_support;

json parsed(const TuningRecord& record, Language language = Language::en) {
  return json::parse(tuning_json(record, language));
}

TEST(TuningJson, AConfigThatStaysAsItIsHasNoSpeedUp) {
  TuningRecord record = sample_record();
  record.changes.clear();
  EXPECT_TRUE(parsed(record)["speed_up"].is_null());
}

TEST(TuningJson, HoldsTheChoiceWithWhatItRestsOn) {
  const json out = parsed(sample_record());
  EXPECT_EQ(out["schema"], 1);
  EXPECT_EQ(out["chosen_batch_size"], 64);
  EXPECT_EQ(out["chosen_trial"], 2);
  EXPECT_DOUBLE_EQ(out["speed_up"], 2.1);
  EXPECT_EQ(out["headroom_mib"], 20064);
  EXPECT_EQ(out["next_failed_batch_size"], 128);
  EXPECT_EQ(out["target_gpu_util"]["met"], true);
  EXPECT_DOUBLE_EQ(out["memory_line_mib"]["slope"], 56.25);
  EXPECT_EQ(out["changes"][0]["key"], "batch_size");
  EXPECT_EQ(out["changes"][0]["new"], 64) << "a number, not its text";
  EXPECT_EQ(out["changes"][0]["effect"], "optimisation");
}

TEST(TuningJson, HoldsTheWholeRunBeforeAndAfterWithItsHours) {
  TuningRecord record = sample_record();
  const json run = parsed(record)["run"];
  EXPECT_EQ(run["before"]["total_iters"], 90000);
  EXPECT_EQ(run["after"]["samples_per_step"], 64);
  EXPECT_EQ(run["after"]["samples"], 5760000);
  EXPECT_EQ(run["before"]["pixels"], 1440000.0 * 128 * 128);
  EXPECT_DOUBLE_EQ(run["before"]["hours"], 0.2);
  record.before = 3;  // out of memory
  EXPECT_TRUE(parsed(record)["run"]["before"]["hours"].is_null());
  record.run.reset();
  EXPECT_TRUE(parsed(record)["run"].is_null());
}

TEST(TuningJson, SaysWhichOldValuesAreDefaults) {
  TuningRecord record = sample_record();
  EXPECT_EQ(parsed(record)["changes"][0]["old_is_default"], false);
  record.changes[0].old_is_default = true;
  EXPECT_EQ(parsed(record)["changes"][0]["old_is_default"], true);
}

TEST(TuningJson, AFailedTrialHasNoRateAndSaysWhy) {
  const json failed = parsed(sample_record())["trials"][3];
  EXPECT_EQ(failed["outcome"], "oom");
  EXPECT_EQ(failed["message"], "CUDA out of memory");
  EXPECT_FALSE(failed.contains("samples_per_s"));
  EXPECT_TRUE(failed["memory"]["peak_reserved_mib"].is_null());
}

TEST(TuningJson, ARateThatIsNoneIsNullAndSaysWhy) {
  TuningRecord record = sample_record();
  record.trials = {trial_without_rate()};
  record.before = record.after = std::nullopt;
  const json trial = parsed(record)["trials"][0];
  EXPECT_EQ(trial["outcome"], "ok");
  EXPECT_TRUE(trial["samples_per_s"].is_null());
  EXPECT_TRUE(trial["step_ms"].is_null());
  EXPECT_EQ(trial["no_rate"], "images_on_device");
}

TEST(TuningJson, WhatWasNotMeasuredIsNull) {
  TuningRecord record = sample_record();
  record.after.reset();
  record.trials[0].result.utilisation = {};
  record.utilisation->reached.reset();
  record.utilisation->met.reset();
  const json out = parsed(record);
  EXPECT_TRUE(out["chosen_batch_size"].is_null());
  EXPECT_TRUE(out["speed_up"].is_null());
  EXPECT_TRUE(out["trials"][0]["utilisation"]["gpu_util"].is_null());
  EXPECT_TRUE(out["target_gpu_util"]["met"].is_null());
}

TEST(TuningJson, SpeaksTheLanguage) {
  EXPECT_EQ(parsed(sample_record(), Language::zh)["notes"][0], "学习率应 × 2");
  EXPECT_EQ(parsed(sample_record())["notes"][0], "lr would be × 2");
}

TEST(TuningJson, SurvivesPathsAndWordsThatAreNoText) {
  TuningRecord record = sample_record();
  record.config = "caf\xe9.yaml";
  record.trials[3].result.message = "bad \xff byte";
  EXPECT_NO_THROW(parsed(record));
}

TEST(TuningJson, HoldsTheVerdictsOfADiagnosis) {
  TuningRecord record = sample_record();
  record.verdicts = {
      {"data_bound", "data-bound", "wait 40 %", "wait > 5 %", 0.9, "more workers", {{"num_workers", "8"}}}};
  const json verdict = parsed(record)["verdicts"][0];
  EXPECT_EQ(verdict["key"], "data_bound");
  EXPECT_DOUBLE_EQ(verdict["confidence"], 0.9);
  EXPECT_EQ(verdict["fix"]["num_workers"], 8);
}

}  // namespace
}  // namespace wring

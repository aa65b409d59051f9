// One fact, one number: what the sinks of a record say of one configuration.
#include "wring/report/tuning/measured.h"

#include <nlohmann/json.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sample_record.h"
#include "wring/report/tuning/html.h"
#include "wring/report/tuning/json.h"
#include "wring/report/tuning/text.h"

namespace wring {
namespace {

using namespace testing_support;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

RecordedTrial of_purpose(const char* purpose, std::int64_t batch, double samples_per_s, std::int64_t peak_mib = 4500) {
  RecordedTrial trial = trial_of(batch, samples_per_s, peak_mib);
  trial.purpose = purpose;
  trial.request.measure.validate = trial.purpose == "soak";
  return trial;
}

// The config's 16 at 2000, 64 measured three times and soaked.
TuningRecord repeated() {
  TuningRecord record = sample_record();
  record.trials = {of_purpose("own", 16, 2000, 1800),     of_purpose("jump", 64, 4000),
                   of_purpose("compare", 16, 2020, 1800), of_purpose("compare", 64, 4300),
                   of_purpose("refine", 64, 4400),        of_purpose("soak", 64, 2820, 4900)};
  record.before = 0;
  record.after = 1;
  return record;
}

TEST(Measured, IsTheMedianOfTheStepsAloneAndThePeakOfAll) {
  const TuningRecord record = repeated();
  const Measured after = *measured_after(record);
  EXPECT_EQ(after.samples_per_s, 4300);
  EXPECT_THAT(after.trials, ElementsAre(1, 3, 4)) << "a soak validates in between";
  EXPECT_EQ(after.shown, 3U);
  EXPECT_EQ(after.peak_mib, 4900);
  EXPECT_NEAR(after.spread, 0.1, 1e-9);
  EXPECT_EQ(measured_before(record)->samples_per_s, 2010);
  EXPECT_DOUBLE_EQ(*speed_up(record), 4300.0 / 2010);
}

// "Batch 2 runs at 73.6 samples/s" above a headline of 282 must not happen.
TEST(Measured, EverySinkShowsTheSameNumber) {
  const TuningRecord record = repeated();
  const std::string table = trials_text(record, {Language::en, true});
  const std::string text = choice_text(record, {Language::en, true});
  const std::string html = tuning_html(record, Language::en);
  const auto json = nlohmann::json::parse(tuning_json(record, Language::en));
  EXPECT_THAT(table, HasSubstr(" 4300 "));
  EXPECT_THAT(table, Not(HasSubstr("2820"))) << "the soak's";
  EXPECT_THAT(text, HasSubstr(" 4300 "));
  EXPECT_THAT(text, HasSubstr("2.14 × the samples per second"));
  EXPECT_THAT(html, HasSubstr("<b>4300</b>"));
  EXPECT_THAT(html, HasSubstr("<b>2.14 ×</b>"));
  EXPECT_EQ(json["chosen"]["samples_per_s"], 4300);
  EXPECT_EQ(json["chosen"]["trials"], nlohmann::json({1, 3, 4}));
  EXPECT_EQ(json["before"]["samples_per_s"], 2010);
  EXPECT_EQ(json["chosen_trial"], 3);
  EXPECT_DOUBLE_EQ(json["speed_up"], 4300.0 / 2010);
}

TEST(Measured, WhatWasComparedAtTheEndGoesBeforeAll) {
  TuningRecord record = repeated();
  record.trials.push_back(of_purpose("confirm", 64, 4100));
  record.trials.push_back(of_purpose("confirm", 64, 4110));
  record.compared = true;
  EXPECT_EQ(measured_after(record)->samples_per_s, 4105);
}

// Settings that lost the comparison at the end: the sentence about the batch has the search's numbers.
TEST(Measured, ALostComparisonAtTheEndChangesNoNumber) {
  TuningRecord record = repeated();
  record.trials.push_back(of_purpose("confirm", 16, 1800, 1800));
  record.trials.push_back(of_purpose("confirm", 16, 1810, 1800));
  EXPECT_EQ(measured_before(record)->samples_per_s, 2010);
  EXPECT_DOUBLE_EQ(*speed_up(record), 4300.0 / 2010);
  record.trials.push_back(of_purpose("confirm", 24, 2500));
  EXPECT_EQ(measured_like(record, record.trials.size() - 1).samples_per_s, 2500) << "where the search has none";
}

TEST(Measured, ASettingsTrialsCountWhereTheSearchHasNone) {
  TuningRecord record = repeated();
  record.trials.push_back(of_purpose("knob", 64, 9999));
  EXPECT_EQ(measured_after(record)->samples_per_s, 4300);
  RecordedTrial with = of_purpose("knob", 64, 5000);
  with.request.set.push_back({"num_workers", "8"});
  record.trials.push_back(with);
  EXPECT_EQ(measured_like(record, record.trials.size() - 1).samples_per_s, 5000);
}

TEST(Measured, WhatAnEarlierRunMeasuredGivesWay) {
  TuningRecord record = repeated();
  record.trials[1].result.reused = record.trials[4].result.reused = true;
  EXPECT_THAT(measured_after(record)->trials, ElementsAre(3));
  for (RecordedTrial& trial : record.trials) trial.result.reused = true;
  EXPECT_THAT(measured_after(record)->trials, ElementsAre(1, 3, 4));
}

TEST(Measured, WhatDidNotRunHasNoRateAndItsVerdictHolds) {
  TuningRecord record = repeated();
  record.trials.push_back(failed_trial(64, TrialOutcome::oom, "CUDA out of memory"));
  EXPECT_EQ(measured_after(record)->verdict, record.trials.size() - 1);
  record.trials.push_back(failed_trial(128, TrialOutcome::oom, "CUDA out of memory"));
  EXPECT_FALSE(measured_like(record, record.trials.size() - 1).samples_per_s);
  EXPECT_EQ(all_measured(record).size(), 3U);
}

}  // namespace
}  // namespace wring

// The page of a tuning run: well-formed, whole, and alone.
#include "wring/report/tuning/html.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sample_record.h"
#include "unit/report/well_formed.h"

namespace wring {
namespace {

using namespace testing_support;
using testing::HasSubstr;
using testing::Not;

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

TEST(TuningHtml, IsWellFormed) {
  EXPECT_EQ(unbalanced(tuning_html(sample_record(), Language::en)), "");
  EXPECT_EQ(unbalanced(tuning_html(TuningRecord(), Language::zh)), "") << "with nothing in it";
  EXPECT_NE(unbalanced("<p><b></p></b>"), "") << "the check finds what it looks for";
}

TEST(TuningHtml, AsksForNothingFromElsewhere) {
  const std::string html = tuning_html(sample_record(), Language::en);
  for (const char* outside : {"http:", "https:", "src=", "href=", "url(", "@import", "<script", "<link", "<iframe"}) {
    EXPECT_THAT(html, Not(HasSubstr(outside)));
  }
}

TEST(TuningHtml, ARateThatIsNoneIsADashWithTheReason) {
  TuningRecord record;
  record.trials = {trial_without_rate()};
  const std::string html = tuning_html(record, Language::en);
  EXPECT_THAT(html, HasSubstr("<td class=\"n\">–</td>"));
  EXPECT_THAT(html, HasSubstr("no loader runs: the GPU cuts its batches itself"));
  EXPECT_THAT(html, Not(HasSubstr("<svg"))) << "no dot without a rate";
  EXPECT_THAT(tuning_html(record, Language::zh), HasSubstr("GPU 自行裁取批次"));
}

TEST(TuningHtml, FollowsLightAndDark) {
  EXPECT_THAT(tuning_html(sample_record(), Language::en), HasSubstr("prefers-color-scheme: dark"));
}

TEST(TuningHtml, DrawsEveryTrialTheFitTheChoiceAndTheFailure) {
  const std::string html = tuning_html(sample_record(), Language::en);
  EXPECT_EQ(count(html, "<svg "), 2U) << "rate and memory";
  EXPECT_EQ(count(html, "class=\"dot\""), 2U * 3U);
  EXPECT_EQ(count(html, "class=\"fit\""), 2U);
  EXPECT_EQ(count(html, "class=\"ring\""), 2U);
  EXPECT_EQ(count(html, "class=\"cross\""), 2U);
  EXPECT_EQ(count(html, "class=\"level\""), 1U) << "the device's memory";
  EXPECT_EQ(count(html, "class=\"wait\" style"), 3U) << "a bar for each trial that ran";
  EXPECT_THAT(html, HasSubstr("batch 128: out of memory"));
}

TEST(TuningHtml, LeavesOtherSettingsOutOfThePlots) {
  TuningRecord record = sample_record();
  record.trials.push_back(trial_of(64, 9999, 4500));
  record.trials.back().request.set.push_back({"channels_last", "true"});
  EXPECT_EQ(count(tuning_html(record, Language::en), "class=\"dot\""), 2U * 3U);
}

TEST(TuningHtml, HasTheTables) {
  const std::string html = tuning_html(sample_record(), Language::en);
  EXPECT_THAT(html, HasSubstr("<td>batch size</td><td class=\"n\">16</td><td class=\"n\">64</td>"));
  EXPECT_THAT(html, HasSubstr("<td>batch_size</td><td>16</td><td>64</td><td>4200 samples/s measured</td>"));
  EXPECT_THAT(html, HasSubstr("<tr class=\"picked\">"));
  EXPECT_THAT(html, HasSubstr("NVIDIA Test Card"));
}

TEST(TuningHtml, TellsHowLongTheWholeRunTakes) {
  TuningRecord record = sample_record();
  EXPECT_THAT(tuning_html(record, Language::en), HasSubstr("<span>the whole run</span><b>23 min</b>"));
  EXPECT_THAT(tuning_html(record, Language::en), HasSubstr("12 min before, 23 min after"));
  record.changes[0].old_is_default = true;
  EXPECT_THAT(tuning_html(record, Language::en), HasSubstr("<td>16 (default)</td>"));
  record.run.reset();
  EXPECT_THAT(tuning_html(record, Language::en), Not(HasSubstr("whole run")));
}

TEST(TuningHtml, EscapesWhatOthersSay) {
  TuningRecord record = sample_record();
  const std::string bad = "<script>alert('1')</script>\"&";
  record.config = bad;
  record.command = bad;
  record.reason = bad;
  record.trials[3].result.message = bad;
  record.trials[3].request.set.push_back({bad, bad});
  record.machine[0].second = bad;
  record.changes[0].old_value = bad;
  record.verdicts = {{bad, bad, bad, bad, 1, bad, {{bad, bad}}}};
  const std::string html = tuning_html(record, Language::en);
  EXPECT_THAT(html, Not(HasSubstr("<script")));
  EXPECT_EQ(unbalanced(html), "");
}

TEST(TuningHtml, SpeaksChineseAndSaysSo) {
  const std::string html = tuning_html(sample_record(), Language::zh);
  EXPECT_THAT(html, HasSubstr("<html lang=\"zh-CN\">"));
  EXPECT_THAT(html, HasSubstr("优化前后"));
}

TEST(TuningHtml, SaysThatItWasInterrupted) {
  TuningRecord record = sample_record();
  EXPECT_THAT(tuning_html(record, Language::en), Not(HasSubstr("Interrupted")));
  record.interrupted = true;
  EXPECT_THAT(tuning_html(record, Language::en), HasSubstr("Interrupted"));
}

}  // namespace
}  // namespace wring

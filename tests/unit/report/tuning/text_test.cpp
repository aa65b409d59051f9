#include "wring/report/tuning/text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sample_record.h"

namespace wring {
namespace {

using namespace testing_support;
using testing::HasSubstr;
using testing::Not;

constexpr TextStyle kEnglish{Language::en, true}, kChinese{Language::zh, true}, kAscii{Language::en, false};

TEST(TrialLine, GivesBatchRateTimeMemoryUtilisationAndVerdict) {
  EXPECT_EQ(trial_line(trial_of(64, 4200, 4500), kEnglish),
            "  batch    64      4200 samples/s     15.24 ms   4500 MiB  GPU-Util  87 %  runs\n");
  EXPECT_EQ(trial_line(failed_trial(128, TrialOutcome::oom, "CUDA out of memory"), kEnglish),
            "  batch   128         – samples/s         – ms          –  GPU-Util     –  out of memory\n");
}

TEST(TrialLine, NamesTheSettingsBesideTheBatchAndTheProgramsOwnWords) {
  RecordedTrial trial = trial_of(8, 50, 100);
  trial.request.set.push_back({"num_workers", "8"});
  trial.request.measure.data = TrialData::resident;
  EXPECT_THAT(trial_line(trial, kEnglish), HasSubstr("num_workers=8 data=resident\n"));
  EXPECT_THAT(trial_line(failed_trial(8, TrialOutcome::error, "no images\nmore"), kEnglish),
              HasSubstr("failed: no images\n"));
}

TEST(TrialLine, ARateThatIsNoneIsADashWithTheReason) {
  EXPECT_EQ(
      trial_line(trial_without_rate(), kEnglish),
      "  batch    16         – samples/s         – ms          –  GPU-Util     –  no loader runs: the GPU cuts its "
      "batches itself  data=loader\n");
  EXPECT_THAT(trial_line(trial_without_rate(), kChinese), HasSubstr("GPU 自行裁取批次"));
}

TEST(TrialLine, IsOneLineWhateverAProgramSays) {
  const std::string line = trial_line(failed_trial(8, TrialOutcome::error, "x\x1b[2J\ry"), kEnglish);
  EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
  EXPECT_THAT(line, Not(HasSubstr("\x1b")));
  EXPECT_THAT(line, Not(HasSubstr("\r")));
}

TEST(TrialLine, StandsInAsciiWhereTheTerminalShowsNothingElse) {
  const std::string line = trial_line(failed_trial(128, TrialOutcome::hang, ""), kAscii);
  for (const char c : line) EXPECT_LT(static_cast<unsigned char>(c), 0x80) << line;
}

TEST(TrialsText, ShowsOfEqualTrialsTheMedian) {
  TuningRecord record = sample_record();
  record.trials.push_back(trial_of(64, 4300, 4500));
  const std::string table = trials_text(record, kEnglish);
  EXPECT_THAT(table, HasSubstr(" 4250 "));
  EXPECT_THAT(table, Not(HasSubstr(" 4200 ")));
  EXPECT_EQ(std::count(table.begin(), table.end(), '\n'), 1 + 4) << table;
}

TEST(ChoiceText, TellsReasonBeforeAfterHeadRoomNextFailureAndTarget) {
  const std::string text = choice_text(sample_record(), kEnglish);
  for (const char* part :
       {"Batch 64 is the smallest within 3 %", "before", "after", "2.10 × the samples per second", "19.6 GiB",
        "The next size that did not fit: batch 128.", "GPU-Util 87 %: target met.", "batch_size", "note: lr"}) {
    EXPECT_THAT(text, HasSubstr(part));
  }
}

TEST(ChoiceText, TellsHowLongTheWholeRunTakesAtTheMeasuredRates) {
  EXPECT_THAT(choice_text(sample_record(), kEnglish),
              HasSubstr("The whole run: 12 min before, 23 min after (training steps alone, at the measured rate); 1.44 "
                        "million samples before (90000 steps of 16), 5.76 million after (90000 steps of 64): 4 × the "
                        "samples, 4 × the pixels."));
  EXPECT_THAT(choice_text(sample_record(), kChinese), HasSubstr("整个训练：原需 12 分钟，现需 23 分钟"));
}

TEST(ChoiceText, GivesOneTimeOfARunThatStaysOrWhoseOldSizeDidNotRun) {
  TuningRecord record = sample_record();
  record.before = 3;  // out of memory
  EXPECT_THAT(choice_text(record, kEnglish), HasSubstr("The whole run: 23 min (training steps"));
  record = sample_record();
  record.changes.clear();
  EXPECT_THAT(choice_text(record, kEnglish), HasSubstr("The whole run: 23 min (training steps"));
  record.run.reset();
  EXPECT_THAT(choice_text(record, kEnglish), Not(HasSubstr("The whole run")));
}

TEST(ChoiceText, MarksADefaultAsOne) {
  TuningRecord record = sample_record();
  record.changes[0].old_is_default = true;
  EXPECT_THAT(choice_text(record, kEnglish), HasSubstr("16 (default)"));
  EXPECT_THAT(choice_text(record, kChinese), HasSubstr("16（默认）"));
}

TEST(ChoiceText, SpeaksChinese) {
  const std::string text = choice_text(sample_record(), kChinese);
  for (const char* part : {"优化前", "吞吐量为原来的 2.10 倍", "显存余量", "说明：学习率应 × 2"}) {
    EXPECT_THAT(text, HasSubstr(part));
  }
}

TEST(ChoiceText, LeavesOutWhatIsNotKnown) {
  TuningRecord record;
  record.reason = "Nothing ran.";
  EXPECT_EQ(choice_text(record, kEnglish), "Nothing ran.\n");
}

TEST(ChoiceText, AVerdictComesWithNumbersRuleConfidenceAndTheExactChange) {
  TuningRecord record;
  record.verdicts = {
      {"data_bound", "data-bound", "wait 40 %", "wait > 5 %", 0.92, "more workers", {{"num_workers", "8"}}}};
  EXPECT_EQ(choice_text(record, kEnglish),
            "◆ data-bound (confidence 92%)\n  measured: wait 40 %\n  rule: wait > 5 %\n  next: more workers\n"
            "  change: num_workers: 8\n");
}

}  // namespace
}  // namespace wring

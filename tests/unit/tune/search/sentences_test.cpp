// What a search says is what its trials show.
#include "wring/tune/search/sentences.h"

#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace wring {
namespace {

using testing::HasSubstr;
using testing::Not;

SearchTrial trial(std::int64_t batch, double rate, TrialRole role = TrialRole::compare) {
  SearchTrial trial;
  trial.batch = batch;
  trial.role = role;
  trial.result.samples_per_s = rate;
  trial.result.step_ms = {1000 * static_cast<double>(batch) / rate, 0, 0, 100};
  return trial;
}

SearchTrial failed(std::int64_t batch, TrialRole role, const char* how) {
  SearchTrial failed;
  failed.batch = batch;
  failed.role = role;
  failed.result.outcome = TrialOutcome::oom;
  failed.fit = Fit::fails;
  failed.note = how;
  return failed;
}

BatchSearchOptions from(std::int64_t own) {
  BatchSearchOptions options;
  options.start_batch = own;
  return options;
}

Text staying(const std::vector<SearchTrial>& trials, std::int64_t own) {
  const BatchPicture picture = picture_of(trials, from(own));
  return sentence_of_staying(picture, *picture.find(own), {});
}

TEST(BatchSentences, SayHowOftenWasTooSeldom) {
  const Text once = staying({trial(16, 100), trial(32, 120)}, 16);
  EXPECT_THAT(once.en, HasSubstr("batch 32 made 120, but once each is too seldom"));
  EXPECT_THAT(once.zh, HasSubstr("只各测了 1 次"));
  // A smaller batch has to win four times.
  std::vector<SearchTrial> thrice;
  for (int round = 0; round < 3; ++round) {
    thrice.push_back(trial(32, 100));
    thrice.push_back(trial(16, 120));
  }
  EXPECT_THAT(staying(thrice, 32).en, HasSubstr("batch 16 made 120, but 3 times each is too seldom"));
}

TEST(BatchSentences, TellASizeThatDoesNotFitFromOneThatWasNotTried) {
  SearchTrial faster = trial(32, 150);
  faster.fit = Fit::retries;
  EXPECT_THAT(staying({trial(16, 100)}, 16).en, HasSubstr("no other size was measured"));
  EXPECT_THAT(staying({trial(16, 100), faster}, 16).en, HasSubstr("no other size that fits was measured"));
  const Text slower = staying({trial(16, 100), trial(8, 90), faster}, 16);
  EXPECT_THAT(slower.en, HasSubstr("no size that was measured and fits is faster")) << "32 is, and does not fit";
  EXPECT_THAT(slower.zh, HasSubstr("可行"));
}

std::string details(const std::vector<SearchTrial>& trials, std::int64_t own, std::int64_t failed_soak) {
  const BatchSearchOptions options = from(own);
  const BatchPicture picture = picture_of(trials, options);
  SearchEnd end;
  end.failed_soak = failed_soak;
  BatchSearchResult result;
  result.trials = trials;
  return details_of(result, picture, options, end).en;
}

TEST(BatchSentences, TheConfigsOwnBatchThatFailedInItsSoakDidRun) {
  const std::string own_soaked =
      details({trial(64, 200), trial(32, 150), failed(64, TrialRole::soak, "out of memory")}, 64, 64);
  EXPECT_THAT(own_soaked, HasSubstr("Batch 64 did not pass its soak: out of memory."));
  EXPECT_THAT(own_soaked, Not(HasSubstr("does not run")));
  const std::string other_soaked = details({failed(64, TrialRole::own, "out of memory"), trial(32, 150),
                                            failed(32, TrialRole::soak, "out of memory"), trial(16, 100)},
                                           64, 32);
  EXPECT_THAT(other_soaked, HasSubstr("The configuration's own batch 64 does not run: out of memory."));
  EXPECT_THAT(other_soaked, HasSubstr("Batch 32 did not pass its soak"));
}

TEST(BatchSentences, NameTheSearchsShareOfTheBudget) {
  BatchSearchOptions options;
  options.budget_s = 36;
  options.stated_budget_s = 60;
  SearchEnd end;
  end.cut_short = true;
  BatchSearchResult result;
  result.seconds = 35.9;
  EXPECT_THAT(details_of(result, {}, options, end).en, HasSubstr("The search's 36 s of the budget of 60 s ended"));
  EXPECT_THAT(details_of(result, {}, options, end).zh, HasSubstr("60 秒预算中留给搜索的 36 秒"));
  options.budget_s = 59.5;
  result.seconds = 59.4;
  EXPECT_THAT(details_of(result, {}, options, end).en, HasSubstr("The budget of 60 s ended"));
}

}  // namespace
}  // namespace wring

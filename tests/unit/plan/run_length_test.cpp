#include "wring/plan/run_length.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "wring/config/reader.h"

namespace wring {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TrainConfig run_of(std::int64_t steps, std::int64_t batch, std::int64_t patch) {
  TrainConfig config;
  config.total_iters = steps;
  config.batch_size = batch;
  config.patch_size = patch;
  return config;
}

TEST(RunLength, CountsTheSamplesAndPixelsOfAllStepsAndRanks) {
  TrainConfig config = run_of(1000, 16, 128);
  config.gradient_accumulation_steps = 2;
  const RunLength run = run_length(config, 4);
  EXPECT_EQ(run.samples_per_step, 128);
  EXPECT_DOUBLE_EQ(run.samples(), 128000);
  EXPECT_DOUBLE_EQ(run.pixels(), 128000.0 * 128 * 128);
  EXPECT_DOUBLE_EQ(run_hours(run, 128000 / 7200.0), 2);
}

TEST(RunLength, TheSamePixelsTakeFewerOfLargerSteps) {
  TrainConfig before = run_of(100000, 16, 128);
  before.warmup_iters = 640;
  before.val_freq = 1280;
  before.checkpoint_freq = 3200;
  before.milestones = {64000, 96000};
  TrainConfig after = before;
  after.batch_size = 256;
  after.patch_size = 256;
  after = with_same_pixels(before, after);
  EXPECT_EQ(after.total_iters, 1563);
  EXPECT_EQ(after.warmup_iters, 10);
  EXPECT_EQ(after.val_freq, 20);
  EXPECT_EQ(after.checkpoint_freq, 50);
  EXPECT_THAT(after.milestones, ElementsAre(1000, 1500));
  EXPECT_NEAR(run_length(after).pixels() / run_length(before).pixels(), 1, 1e-3);
}

TEST(RunLength, TheSamePixelsTakeMoreOfSmallerSteps) {
  const TrainConfig before = run_of(1000, 64, 128);
  TrainConfig after = before;
  after.batch_size = 16;
  EXPECT_EQ(with_same_pixels(before, after).total_iters, 4000);
}

TEST(RunLength, StepsAsLargeAsBeforeChangeNothing) {
  const TrainConfig before = run_of(1000, 16, 64);
  TrainConfig after = before;
  after.batch_size = 4;
  after.patch_size = 128;
  EXPECT_EQ(to_yaml(with_same_pixels(before, after)), to_yaml(after));
}

// However far it is shrunk or stretched, what comes out can be trained.
TEST(RunLength, AScaledScheduleIsStillOne) {
  for (const std::int64_t steps : {5, 100, 3000, 1000000000}) {
    for (const std::int64_t batch : {1, 3, 64, 4096, 65536}) {
      TrainConfig before = run_of(steps, 64, 128);
      before.scheduler = "multistep";
      before.milestones = {1, 2, steps - 2, steps - 1};
      if (steps == 5) before.milestones = {1, 2, 3, 4};
      before.warmup_iters = steps - 1;
      before.val_freq = before.checkpoint_freq = steps;
      TrainConfig after = before;
      after.batch_size = batch;
      after = with_same_pixels(before, after);
      EXPECT_NO_THROW(check_combinations(after, "c.yaml")) << steps << " " << batch;
      EXPECT_NO_THROW(parse_config(to_yaml(after), "c.yaml", UnknownKeys::reject)) << to_yaml(after);
    }
  }
}

TEST(RunLength, SaysWhatARunSeesInWords) {
  const RunLength before = run_length(run_of(100000, 16, 128)), after = run_length(run_of(100000, 256, 256));
  EXPECT_EQ(run_length_text(before, after).en,
            "1.6 million samples before (100000 steps of 16), 25.6 million after (100000 steps of 256): 16 × the "
            "samples, 64 × the pixels");
  EXPECT_THAT(run_length_text(before, after).zh, HasSubstr("160 万（100000 步 × 16），改后为 2560 万"));
  EXPECT_EQ(run_length_text(before, before).en, "1.6 million samples (100000 steps of 16), the same before and after");
  EXPECT_THAT(run_length_text(run_length(run_of(10, 16, 8)), run_length(run_of(10, 20, 8))).en,
              HasSubstr("160 samples before (10 steps of 16), 200 after"));
  EXPECT_THAT(run_length_text(run_length(run_of(999999, 1, 8)), run_length(run_of(999999, 1000000, 8))).en,
              HasSubstr("1 million samples before (999999 steps of 1), 1 trillion after"));
}

TEST(RunLength, WritesHoursAsAPersonDoes) {
  EXPECT_EQ(hours_text(26.2).en, "26 h");
  EXPECT_EQ(hours_text(3.14).en, "3.1 h");
  EXPECT_EQ(hours_text(0.2).en, "12 min");
  EXPECT_EQ(hours_text(0.01).en, "36 s");
  EXPECT_EQ(hours_text(3.14).zh, "3.1 小时");
  EXPECT_EQ(hours_text(0.2).zh, "12 分钟");
}

TEST(RunLength, SaysWhenTheMovingAverageSpansTooMuchOfAShortenedRun) {
  const TrainConfig before = run_of(100000, 16, 128);
  TrainConfig after = run_of(1563, 256, 256);
  EXPECT_THAT(average_note(before, after).en, HasSubstr("about 1000 steps, and the run now has 1563; ema_decay 0.936"));
  after.total_iters = 20000;
  EXPECT_TRUE(average_note(before, after).empty()) << "a twentieth";
  after = run_of(1563, 256, 256);
  after.ema_decay = 0;
  EXPECT_TRUE(average_note(before, after).empty());
  EXPECT_TRUE(average_note(before, before).empty());
}

}  // namespace
}  // namespace wring

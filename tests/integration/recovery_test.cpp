#include "wring_train/train/recovery.h"

#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fixtures/temporary_folder.h"
#include "random_batch.h"
#include "tiny_engine.h"
#include "wring/base/error.h"
#include "wring_train/engine/memory_error.h"
#include "wring_train/image/image.h"

namespace wring {
namespace {

using namespace testing_support;
using testing::HasSubstr;
using testing::Not;

constexpr double kRate = 1e-3;

// A run of a tiny network, whose engine meets the faults of a test.
class RecoveryTest : public testing::Test {
 protected:
  RecoveryTest() {
    config_.batch_size = 4;
    config_.keep_checkpoints = 2;
    std::filesystem::path archived_to;
    experiment_ = make_experiment(folder_.path(), "run", archived_to);
    CommonOptions options;
    options.quiet = true;
    log_ = std::make_unique<RunLog>(experiment_, 0, false, 100, options);
    checkpoints_ = std::make_unique<Checkpoints>(experiment_, config_.keep_checkpoints, RunFacts(), *log_);
    data_.loader = std::make_unique<Loader>(images(), loader_options());
  }

  Recovery& recovery(const Faults& faults) {
    engine_ = make_engine(config_, faults);
    recovery_ = std::make_unique<Recovery>(
        RecoverySetup{config_, *engine_, data_, experiment_, progress_, *log_, *checkpoints_, lone_rank()});
    return *recovery_;
  }

  ImageSet images() const {
    Image image(40, 40, 3);
    for (std::size_t i = 0; i < image.pixels.size(); ++i) {
      image.pixels[i] = static_cast<std::uint8_t>(random_bits(5, 0, i) >> 56);
    }
    const std::filesystem::path file = folder_.path() / "image.png";
    write_png(file, image);
    ImageSet set;
    set.pairs.push_back({file, std::nullopt});
    set.sizes.push_back({40, 40});
    return set;
  }
  LoaderOptions loader_options() const {
    LoaderOptions options;
    options.samples.batch_size = static_cast<int>(config_.batch_size);
    options.samples.patch_size = 16;
    options.samples.scale = static_cast<int>(config_.scale_factor);
    return options;
  }

  // One batch of the loader, as the training loop takes it.
  void train(Recovery& recovery, int steps) {
    for (int i = 0; i < steps; ++i) {
      const Batch batch = data_.loader->next();
      recovery.step(std::span(&batch, 1), kRate);
      ++progress_.step;
    }
  }

  std::string file(const std::string& name) const {
    std::ifstream stream(folder_.path() / "run" / name);
    return {std::istreambuf_iterator<char>(stream), {}};
  }
  std::string said() const { return file(Experiment::kLog); }

  TemporaryFolder folder_;
  TrainConfig config_ = tiny_config();
  Experiment experiment_;
  TrainingData data_;
  Progress progress_;
  std::unique_ptr<RunLog> log_;
  std::unique_ptr<Checkpoints> checkpoints_;
  std::unique_ptr<StepEngine> engine_;
  std::unique_ptr<Recovery> recovery_;
};

TEST_F(RecoveryTest, CutsABatchUntilItFitsAndLearnsFromTheSameSamples) {
  Recovery& small = recovery(read_faults("1", ""));
  const Batch batch = random_batch(4, 8, 2, 1);
  small.step(std::span(&batch, 1), kRate);
  EXPECT_EQ(progress_.parts, 4);
  const TrainConfig used = small.config_in_use();
  EXPECT_EQ(used.batch_size, 1);
  EXPECT_EQ(used.gradient_accumulation_steps, 4);
  EXPECT_THAT(file(Experiment::kConfig), HasSubstr("gradient_accumulation_steps: 4\n"));
  EXPECT_THAT(said(), HasSubstr("step 1 goes on with batch_size 2 and gradient_accumulation_steps 2"));
  EXPECT_THAT(said(), HasSubstr("step 1 goes on with batch_size 1 and gradient_accumulation_steps 4"));

  const auto by_hand = make_engine(config_);
  by_hand->step(split(batch, 4), kRate);
  EXPECT_EQ(largest_difference(engine_->model(), by_hand->model()), 0);
  EXPECT_EQ(engine_->report().steps, 1);
}

TEST_F(RecoveryTest, ASampleThatDoesNotFitAloneIsTheEnd) {
  Recovery& none = recovery(read_faults("0", ""));
  const Batch batch = random_batch(4, 8, 2, 1);
  EXPECT_THROW(none.step(std::span(&batch, 1), kRate), DeviceMemoryError);
}

TEST_F(RecoveryTest, AResumedRunGoesOnWithItsCutUnlessItsBatchCannotBeCutSo) {
  progress_.parts = 2;
  recovery(read_faults("2", "")).begin();
  EXPECT_EQ(progress_.parts, 2);
  EXPECT_THAT(file(Experiment::kConfig), HasSubstr("batch_size: 2\n"));
  train(*recovery_, 1);
  EXPECT_THAT(said(), Not(HasSubstr("goes on with")));
  progress_.parts = 3;
  recovery({}).begin();
  EXPECT_EQ(progress_.parts, 1);
}

TEST_F(RecoveryTest, CountsSkippedStepsAndSaysThemOnce) {
  Recovery& skipping = recovery(read_faults("", "1-2"));
  train(skipping, 4);
  const StepReport report = skipping.report();
  EXPECT_EQ(report.steps, 4);
  EXPECT_EQ(progress_.skipped_steps, 2);
  EXPECT_EQ(progress_.window_good, 2);
  EXPECT_NEAR(progress_.window_loss, 2 * report.loss, 1e-9);
  EXPECT_THAT(said(), HasSubstr("2 of the steps up to 4 were skipped"));
  train(skipping, 1);
  skipping.report();
  EXPECT_THAT(said(), Not(HasSubstr("steps up to 5")));
  EXPECT_EQ(progress_.window_good, 3);
}

TEST_F(RecoveryTest, GoesBackToTheNewestCheckpointAtHalfTheRateOnce) {
  Recovery& unstable = recovery(read_faults("", "5-1000000"));
  train(unstable, 3);
  unstable.report();
  checkpoints_->save(*engine_, progress_, true);
  const auto good = make_engine(config_);
  load_newest_state(checkpoints_->folder(), *good, [](const Text&) {});
  train(unstable, 2 + 9);
  EXPECT_FALSE(unstable.unstable());
  train(unstable, 1);
  EXPECT_TRUE(unstable.unstable());
  EXPECT_GT(largest_difference(engine_->model(), good->model()), 0);

  unstable.roll_back();
  EXPECT_EQ(progress_.step, 3);
  EXPECT_EQ(progress_.lr_factor, 0.5);
  EXPECT_EQ(progress_.rollbacks, 1);
  EXPECT_EQ(progress_.skipped_steps, 10);
  EXPECT_EQ(progress_.window_good, 3);
  EXPECT_FALSE(unstable.unstable());
  EXPECT_EQ(largest_difference(engine_->model(), good->model()), 0);
  EXPECT_THAT(said(), HasSubstr("10 steps in a row up to step 15: back to the checkpoint of step 3"));
  EXPECT_THAT(file(Experiment::kMetrics), HasSubstr("rolled_back_from"));
  EXPECT_EQ(data_.loader->next().step, 3);

  data_.loader->seek(3);
  train(unstable, 2 + 10);
  try {
    unstable.roll_back();
    FAIL() << "it went back a second time";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::failed);
    EXPECT_THAT(error.message().en, HasSubstr("10 steps in a row up to step 15, also at half the learning rate"));
    EXPECT_THAT(error.hint().en, HasSubstr("lower lr (it was 0.0005)"));
  }
}

TEST_F(RecoveryTest, WithoutACheckpointThereIsNoWayBack) {
  Recovery& unstable = recovery(read_faults("", "0-1000000"));
  train(unstable, 10);
  try {
    unstable.roll_back();
    FAIL() << "it went back to nothing";
  } catch (const Error& error) {
    EXPECT_THAT(error.message().en, HasSubstr("at step 10, and there is no checkpoint"));
  }
}

}  // namespace
}  // namespace wring

#include "wring_train/engine/faulty_engine.h"

#include <map>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ATen/ATen.h>

#include "fixtures/scoped_environment.h"
#include "random_batch.h"
#include "tiny_engine.h"
#include "wring_train/engine/memory_error.h"

namespace wring {
namespace {

using namespace testing_support;
using testing::HasSubstr;

TEST(Faults, AreReadWithTheirStepTheirRankAndTheirLearningRate) {
  EXPECT_FALSE(read_faults("", "").any());
  EXPECT_EQ(read_faults("4", "").memory_limit, (Faults::MemoryLimit{4, 0, std::nullopt}));
  EXPECT_EQ(read_faults("4@3", "").memory_limit, (Faults::MemoryLimit{4, 3, std::nullopt}));
  EXPECT_EQ(read_faults("4@3/1", "").memory_limit, (Faults::MemoryLimit{4, 3, 1}));
  EXPECT_EQ(read_faults("4/1", "").memory_limit, (Faults::MemoryLimit{4, 0, 1}));
  EXPECT_EQ(read_faults("", "2").nan_loss, (Faults::NanLoss{2, 2, 0}));
  EXPECT_EQ(read_faults("", "2-5").nan_loss, (Faults::NanLoss{2, 5, 0}));
  EXPECT_EQ(read_faults("", "2-5:0.5").nan_loss, (Faults::NanLoss{2, 5, 0.5}));
  EXPECT_TRUE(read_faults("4", "").any());
  EXPECT_TRUE(read_faults("", "2").any());
}

TEST(Faults, AreMetByAnEngineOnlyWhereTheEnvironmentAsksForThem) {
  ScopedEnvironment environment;
  environment.set("WRING_TEST_OOM_ABOVE_BATCH", std::nullopt);
  environment.set("WRING_TEST_NAN_LOSS", std::nullopt);
  const auto sound = make_engine(tiny_config());
  EXPECT_EQ(dynamic_cast<FaultyEngine*>(sound.get()), nullptr);
  environment.set("WRING_TEST_OOM_ABOVE_BATCH", "1");
  const auto small = make_engine(tiny_config());
  EXPECT_THROW(step(*small, random_batch(2, 8, 2, 1)), DeviceMemoryError);
  environment.set("WRING_TEST_OOM_ABOVE_BATCH", "");
  environment.set("WRING_TEST_NAN_LOSS", "0-1");
  const auto unstable = make_engine(tiny_config());
  step(*unstable, random_batch(2, 8, 2, 1));
  EXPECT_EQ(unstable->report().skipped, 1);
}

class FaultyEngineTest : public testing::Test {
 protected:
  static Batch batch(int size, std::int64_t number = 0) {
    Batch batch = random_batch(size, 8, 2, static_cast<std::uint64_t>(number) + 1);
    batch.step = number;
    return batch;
  }

  static std::map<std::string, at::Tensor> saved(const StepEngine& engine) {
    std::map<std::string, at::Tensor> tensors;
    for (const NamedTensor& named : engine.state()) tensors[named.name] = named.tensor.clone();
    return tensors;
  }
  static void expect_equal(const StepEngine& one, const StepEngine& other) {
    const auto others = saved(other);
    for (const auto& [name, tensor] : saved(one)) EXPECT_TRUE(at::equal(tensor, others.at(name))) << name;
  }
};

TEST_F(FaultyEngineTest, ABatchThatFindsNoMemoryChangesNothingAndItsHalvesGoOn) {
  const auto engine = make_engine(tiny_config(), read_faults("2", ""));
  const auto sound = make_engine(tiny_config());
  try {
    step(*engine, batch(4));
    FAIL() << "it found memory";
  } catch (const DeviceMemoryError& error) {
    EXPECT_THAT(error.message().en, HasSubstr("a training step on 4 samples"));
  }
  expect_equal(*engine, *sound);
  const std::vector<Batch> halves = split(batch(4), 2);
  engine->step(halves, 1e-3);
  sound->step(halves, 1e-3);
  expect_equal(*engine, *sound);
}

TEST_F(FaultyEngineTest, TheLimitComesIntoForceAfterItsStepsOfWhichSkippedOnesAreNone) {
  const auto engine = make_engine(tiny_config(), read_faults("1@2", "1-1"));
  for (int number = 0; number < 3; ++number) step(*engine, batch(2, number));
  EXPECT_EQ(engine->report().skipped, 1);
  EXPECT_THROW(step(*engine, batch(2, 3)), DeviceMemoryError);
}

TEST_F(FaultyEngineTest, TheLimitOfAnotherRankIsNotMet) {
  const auto engine = make_engine(tiny_config(), read_faults("1/1", ""), 0);
  step(*engine, batch(2));
  EXPECT_EQ(engine->report().steps, 1);
  const auto other = make_engine(tiny_config(), read_faults("1/1", ""), 1);
  EXPECT_THROW(step(*other, batch(2)), DeviceMemoryError);
}

TEST_F(FaultyEngineTest, OneMicroBatchWithoutALossSpoilsItsStepAlone) {
  const auto engine = make_engine(tiny_config(), read_faults("", "3-3"));
  const auto sound = make_engine(tiny_config());
  engine->step(std::vector{batch(2, 2), batch(2, 3)}, 1e-3);
  EXPECT_EQ(engine->unstable_in_row(), 1);
  expect_equal(*engine, *sound);
  const std::vector<Batch> next{batch(2, 4), batch(2, 5)};
  engine->step(next, 1e-3);
  sound->step(next, 1e-3);
  EXPECT_EQ(engine->unstable_in_row(), 0);
  expect_equal(*engine, *sound);
}

TEST_F(FaultyEngineTest, ASlowerStepHasALoss) {
  const auto engine = make_engine(tiny_config(), read_faults("", "0-9:0.5"));
  step(*engine, batch(2), 0.6);
  EXPECT_EQ(engine->report().skipped, 1);
  step(*engine, batch(2), 0.5);
  EXPECT_EQ(engine->report().skipped, 0);
}

}  // namespace
}  // namespace wring

#include <filesystem>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <ATen/ATen.h>

#include "random_batch.h"
#include "tiny_engine.h"
#include "wring/base/error.h"
#include "wring/files/files.h"
#include "wring_train/data/sampling.h"
#include "wring_train/nn/checkpoint.h"
#include "wring_train/train/run_state.h"

namespace wring {
namespace {

using namespace testing_support;

void save(const std::filesystem::path& file, const StepEngine& engine, const Progress& progress) {
  save_run_state(Folder::open(file.parent_path()), file.filename().string(), engine, progress, {});
}

Progress load(const std::filesystem::path& file, StepEngine& engine) {
  return load_run_state(Folder::open(file.parent_path()), file.filename().string(), engine).progress;
}

TEST(EagerEngine, ARunContinuedFromItsStateEndsWithTheSameWeights) {
  const std::filesystem::path file =
      std::filesystem::path(testing::TempDir()) / ("wring_state_" + std::to_string(::getpid()) + ".safetensors");
  const auto straight = make_engine(tiny_config());
  for (int i = 0; i < 6; ++i) step(*straight, random_batch(2, 8, 2, i));

  const auto first = make_engine(tiny_config());
  for (int i = 0; i < 3; ++i) step(*first, random_batch(2, 8, 2, i));
  Progress progress;
  progress.step = 3;
  progress.best_psnr = 31.25;
  save(file, *first, progress);

  TrainConfig other_seed = tiny_config();
  const auto second = make_step_engine(other_seed, Edsr({8, 1, 2}, 99), at::Device(at::kCPU), [](const auto&) {});
  const Progress loaded = load(file, *second);
  EXPECT_EQ(loaded.step, 3);
  EXPECT_EQ(loaded.best_psnr, 31.25);
  for (int i = 3; i < 6; ++i) step(*second, random_batch(2, 8, 2, i));
  EXPECT_EQ(largest_difference(straight->model(), second->model()), 0);
  EXPECT_EQ(largest_difference(straight->averaged(), second->averaged()), 0);
  std::filesystem::remove(file);
}

TEST(EagerEngine, AStateOfAnotherNetworkIsRefused) {
  const std::filesystem::path file =
      std::filesystem::path(testing::TempDir()) / ("wring_other_" + std::to_string(::getpid()) + ".safetensors");
  save(file, *make_engine(tiny_config()), Progress{});
  TrainConfig wider = tiny_config();
  wider.base_channels = 16;
  const auto engine = make_engine(wider);
  try {
    load(file, *engine);
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr(file.string()));
  }
  std::filesystem::remove(file);
}

// In the folder of a run, as `wring train` lays it out.
class SavedRun : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(file_.parent_path()); }
  void TearDown() override { std::filesystem::remove_all(run_); }

  static std::unique_ptr<StepEngine> engine_with(const std::string& optimizer) {
    TrainConfig config = tiny_config();
    config.optimizer = optimizer;
    return make_engine(config);
  }
  // As versions that named neither optimiser nor sampling saved it.
  void save_as_before(const std::string& optimizer) const {
    save(file_, *engine_with(optimizer), Progress{});
    LoadedTensors state = load_tensors(file_, Seal::crc32);
    std::vector<NamedTensor> tensors;
    for (const auto& [name, tensor] : state.tensors) tensors.push_back({name, tensor});
    for (const char* later : {"optimizer", "sampling", kSealKey}) state.metadata.erase(later);
    save_tensors(file_, tensors, state.metadata, Seal::crc32);
  }
  std::string loaded_with(const std::string& optimizer) const {
    try {
      return fmt::format("sampling {}", load(file_, *engine_with(optimizer)).sampling);
    } catch (const Error& error) {
      return error.message().en;
    }
  }

  static testing::Matcher<std::string> refused(const std::string& own, const std::string& other) {
    return testing::HasSubstr(fmt::format("with optimizer {}, and this config says {}", own, other));
  }

  const std::filesystem::path run_ =
      std::filesystem::path(testing::TempDir()) / ("wring_run_" + std::to_string(::getpid()));
  const std::filesystem::path file_ = run_ / "checkpoints/state_0.safetensors";
};

TEST_F(SavedRun, GoesOnWithItsOwnOptimiserAlone) {
  for (const std::string own : {"adamw", "adam", "adan"}) {
    save(file_, *engine_with(own), Progress{});
    for (const std::string other : {"adamw", "adam", "adan"}) {
      EXPECT_THAT(loaded_with(other),
                  own == other ? testing::Eq(fmt::format("sampling {}", kSamplingVersion)) : refused(own, other));
    }
  }
}

TEST_F(SavedRun, OfAnEarlierVersionIsJudgedByItsTensorsAndItsConfig) {
  save_as_before("adan");
  EXPECT_EQ(loaded_with("adan"), "sampling 1");
  EXPECT_THAT(loaded_with("adam"), refused("adan", "adam"));
  save_as_before("adamw");
  EXPECT_EQ(loaded_with("adam"), "sampling 1") << "nobody tells";
  EXPECT_THAT(loaded_with("adan"), testing::HasSubstr("exp_avg_diff"));
  write_file_atomically(run_ / "config.yaml", "optimizer: adamw\n");
  EXPECT_EQ(loaded_with("adamw"), "sampling 1");
  EXPECT_THAT(loaded_with("adam"), refused("adamw", "adam"));
  EXPECT_THAT(loaded_with("adan"), refused("adamw", "adan"));
}

}  // namespace
}  // namespace wring

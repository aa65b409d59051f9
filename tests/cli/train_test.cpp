// wring train, evaluate and upscale on small drawn photographs, as a user runs them.
#include <nlohmann/json.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "train_fixture.h"
#include "wring_train/image/bicubic.h"

namespace wring {
namespace {

using namespace testing_support;
using testing::HasSubstr;
using testing::Not;
namespace fs = std::filesystem;

class Train : public TrainTest {};

TEST_F(Train, ASecondStartTakesTheImagesFromTheCacheAndTrainsTheSame) {
  const auto run = [&](const std::string& tier, const std::string& name) {
    const ChildResult result = train({"--set", "data_cache=" + tier, "experiment_name=" + name, "num_workers=2"});
    EXPECT_EQ(result.exit_status, 0) << result.err;
    return result.err;
  };
  EXPECT_THAT(run("host", "first"), testing::AllOf(HasSubstr("decoding images"), HasSubstr("images: in host memory"),
                                                   Not(HasSubstr("from the cache"))));
  EXPECT_THAT(run("auto", "second"), testing::AllOf(HasSubstr("from the cache on disk"), Not(HasSubstr("decoding"))));
  EXPECT_THAT(run("none", "third"), HasSubstr("images: decoded anew for every sample"));
  EXPECT_THAT(run("gpu", "fourth"), HasSubstr("images: in host memory (there is no GPU"));
  const auto losses = [&](const std::string& name) {
    std::vector<double> values;
    std::istringstream text(programs_.read("experiments/" + name + "/metrics.jsonl"));
    for (std::string line; std::getline(text, line);) {
      const auto record = nlohmann::json::parse(line);
      if (record.contains("loss")) values.push_back(record["loss"]);
    }
    return values;
  };
  EXPECT_EQ(losses("first").size(), 3U);
  for (const char* name : {"second", "third", "fourth"}) EXPECT_EQ(losses(name), losses("first")) << name;
}

TEST_F(Train, AStartSaysWhereItsTimeWent) {
  EXPECT_THAT(train().err, testing::ContainsRegex("first step after [0-9.]+ s: load [0-9.]+, data [0-9.]+, engine "
                                                  "[0-9.]+, step [0-9.]+"));
  EXPECT_GT(metrics().front()["startup_s"], 0);
}

TEST_F(Train, ADamagedImageIsReportedAndLeftOutInEveryTier) {
  const fs::path damaged = programs_.folder().path() / "data/train/HR/2.png";
  fs::resize_file(damaged, fs::file_size(damaged) / 2);
  for (const char* tier : {"host", "host", "none"}) {
    const ChildResult result = train({"--set", std::string("data_cache=") + tier});
    EXPECT_EQ(result.exit_status, 0) << result.err;
    EXPECT_THAT(result.err, HasSubstr("skipped data/train/HR/2.png: cannot read the image")) << tier;
  }
}

TEST_F(Train, ARunLeavesNetworksMetricsAndTheConfigThatWasUsed) {
  const ChildResult result = train();
  ASSERT_EQ(result.exit_status, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("next: wring upscale experiments/run/checkpoints/best.safetensors"));
  for (const char* file : {"best.safetensors", "last.safetensors", "state_6.safetensors"}) {
    EXPECT_TRUE(programs_.exists(std::string("experiments/run/checkpoints/") + file)) << file;
  }
  EXPECT_THAT(programs_.read("experiments/run/config.yaml"), HasSubstr("base_channels: 8\n"));
  EXPECT_THAT(programs_.read("experiments/run/train.log"), HasSubstr("validation PSNR-Y"));
  const auto lines = metrics();
  EXPECT_EQ(lines.back()["step"], 6);
  EXPECT_TRUE(lines.front().contains("loss"));
  EXPECT_TRUE(lines.back().contains("val_psnr_y"));
  const auto is_event_file = [](const auto& entry) {
    return entry.path().filename().string().starts_with("events.out.tfevents.");
  };
  const fs::directory_iterator files(programs_.folder().path() / "experiments/run");
  EXPECT_EQ(std::count_if(files, fs::directory_iterator(), is_event_file), 1);
}

TEST_F(Train, WithoutATerminalNoControlCharacterIsPrinted) {
  const std::string out = train().err;
  for (const char c : out) EXPECT_TRUE(c == '\n' || static_cast<unsigned char>(c) >= 0x20) << out;
}

TEST_F(Train, TheNumberOfWorkersDoesNotChangeTheResult) {
  ASSERT_EQ(train({"--set", "num_workers=0", "experiment_name=a"}).exit_status, 0);
  ASSERT_EQ(train({"--set", "num_workers=3", "experiment_name=b"}).exit_status, 0);
  EXPECT_EQ(programs_.read("experiments/a/checkpoints/last.safetensors"),
            programs_.read("experiments/b/checkpoints/last.safetensors"));
}

TEST_F(Train, AResumedRunEndsWithTheWeightsOfAnUninterruptedOne) {
  ASSERT_EQ(train({"--set", "experiment_name=whole", "scheduler=constant"}).exit_status, 0);
  ASSERT_EQ(train({"--set", "total_iters=4", "scheduler=constant"}).exit_status, 0);
  const ChildResult resumed = train({"--resume", "--set", "scheduler=constant"});
  ASSERT_EQ(resumed.exit_status, 0) << resumed.err;
  EXPECT_THAT(resumed.err, HasSubstr("resuming at step 4"));
  EXPECT_EQ(programs_.read("experiments/whole/checkpoints/last.safetensors"),
            programs_.read("experiments/run/checkpoints/last.safetensors"));
  EXPECT_EQ(metrics().back()["step"], 6);
}

TEST_F(Train, ABatchThatDoesNotFitIsCutAndTheRunEndsAsWithAccumulation) {
  const auto network = [&](const std::string& name) {
    return programs_.read("experiments/" + name + "/checkpoints/last.safetensors");
  };
  ASSERT_EQ(train({"--set", "experiment_name=by_hand", "batch_size=1", "gradient_accumulation_steps=2"}).exit_status,
            0);
  programs_.set("WRING_TEST_OOM_ABOVE_BATCH", "1");
  const ChildResult from_the_start = train({"--set", "experiment_name=at_start"});
  ASSERT_EQ(from_the_start.exit_status, 0) << from_the_start.err;
  EXPECT_THAT(from_the_start.err, HasSubstr("step 1 goes on with batch_size 1 and gradient_accumulation_steps 2"));
  EXPECT_EQ(network("at_start"), network("by_hand"));
  EXPECT_THAT(programs_.read("experiments/at_start/config.yaml"), HasSubstr("gradient_accumulation_steps: 2\n"));
}

TEST_F(Train, ARunThatHadToCutItsBatchesResumesWithTheSameCut) {
  programs_.set("WRING_TEST_OOM_ABOVE_BATCH", "1@3");
  ASSERT_EQ(train({"--set", "experiment_name=whole", "scheduler=constant"}).exit_status, 0);
  ASSERT_EQ(train({"--set", "total_iters=4", "scheduler=constant"}).exit_status, 0);
  const ChildResult resumed = train({"--resume", "--set", "scheduler=constant"});
  ASSERT_EQ(resumed.exit_status, 0) << resumed.err;
  EXPECT_THAT(resumed.err, Not(HasSubstr("goes on with batch_size")));
  EXPECT_EQ(metrics().back()["step"], 6);
  EXPECT_THAT(programs_.read("experiments/run/config.yaml"), HasSubstr("gradient_accumulation_steps: 2\n"));
  EXPECT_EQ(programs_.read("experiments/whole/checkpoints/last.safetensors"),
            programs_.read("experiments/run/checkpoints/last.safetensors"));
}

TEST_F(Train, ASampleThatDoesNotFitAloneEndsTheRunWithTheCure) {
  programs_.set("WRING_TEST_OOM_ABOVE_BATCH", "0");
  const ChildResult result = train();
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.err, HasSubstr("a training step on 1 samples of patch_size 32"));
  EXPECT_THAT(result.err, HasSubstr("lower patch_size"));
}

TEST_F(Train, CtrlCSavesAndPrintsTheCommandThatResumes) {
  const ChildResult result = interrupted_by("INT");
  EXPECT_EQ(result.exit_status, 130) << result.err;
  EXPECT_THAT(result.err, HasSubstr("wring train tiny.yaml --resume --set total_iters=1000000 --device cpu"));
  EXPECT_THAT(saved_steps(), Not(testing::IsEmpty()));
}

TEST_F(Train, SigtermSavesToo) {
  EXPECT_EQ(interrupted_by("TERM").exit_status, 130);
  EXPECT_THAT(saved_steps(), Not(testing::IsEmpty()));
}

TEST_F(Train, WhatASchedulerWarnsWithSavesAndPrintsTheCommandThatResumes) {
  for (const char* signal : {"USR1", "USR2"}) {
    const ChildResult result = interrupted_by(signal);
    EXPECT_EQ(result.exit_status, 130) << signal << ": " << result.err;
    EXPECT_THAT(result.err, HasSubstr("wring train tiny.yaml --resume --set total_iters=1000000 --device cpu"));
    EXPECT_GT(saved_steps().front(), 0) << signal;
    fs::remove_all(programs_.folder().path() / "experiments");
  }
}

TEST_F(Train, RankAloneIsNamedWithTheCureOfOneWhoTrainsAlone) {
  programs_.set("RANK", "0");
  const ChildResult result = train();
  EXPECT_EQ(result.exit_status, 2);
  EXPECT_THAT(result.err, HasSubstr("RANK is set to 0, but WORLD_SIZE is not set"));
  EXPECT_THAT(result.err, HasSubstr("to train alone: env -u RANK wring train"));
  const ChildResult cured = programs_.run("env", {"-u", "RANK", Programs::binary("wring"), "train", "tiny.yaml"});
  EXPECT_EQ(cured.exit_status, 0) << cured.err;
}

TEST_F(Train, ASecondRunOfTheSameNameKeepsTheFirst) {
  ASSERT_EQ(train().exit_status, 0);
  const std::string first = programs_.read("experiments/run/train.log");
  const ChildResult second = train();
  ASSERT_EQ(second.exit_status, 0);
  EXPECT_THAT(second.err, HasSubstr("experiments/run_archived_"));
  bool kept = false;
  for (const auto& entry : fs::directory_iterator(programs_.folder().path() / "experiments")) {
    kept = kept || (entry.path().filename() != "run" && read_file(entry.path() / "train.log") == first);
  }
  EXPECT_TRUE(kept);
}

TEST_F(Train, DamagedAndSmallImagesAreNamedOnceAndLeftOut) {
  programs_.folder().write("data/train/HR/broken.png", "not an image");
  draw_photograph(programs_, "data/train/HR/small.png", 20, 20, 5);
  const ChildResult result = train();
  EXPECT_EQ(result.exit_status, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("broken.png"));
  EXPECT_THAT(result.err, HasSubstr("small.png"));
  EXPECT_THAT(result.err, HasSubstr("4 training images"));
}

TEST_F(Train, ABatchOf256TrainsFromTwelveImagesAndFromOne) {
  for (int i = 4; i < 12; ++i) draw_photograph(programs_, "data/train/HR/" + std::to_string(i) + ".png", 48, 40, i);
  draw_photograph(programs_, "one/only.png", 48, 40, 1);
  draw_photograph(programs_, "one/small.png", 14, 14, 2);  // smaller than a patch
  const auto run = [&](const std::string& folder, const std::string& name, const std::string& tier) {
    const ChildResult result = train({"--train-hr", folder, "--set", "batch_size=256", "patch_size=16", "total_iters=3",
                                      "log_freq=1", "val_freq=3", "experiment_name=" + name, "data_cache=" + tier});
    EXPECT_EQ(result.exit_status, 0) << result.err;
    EXPECT_TRUE(programs_.exists(checkpoint("best.safetensors", name)));
    return result.err;
  };
  EXPECT_THAT(run("data/train/HR", "twelve", "auto"), HasSubstr("12 training images"));
  EXPECT_DOUBLE_EQ(metrics("twelve").front()["epoch"], 256.0 / 12);
  // What is left out is named, also where next to nothing is left.
  const std::string said = run("one", "one", "host");
  EXPECT_THAT(said, testing::AllOf(HasSubstr("1 training images"), HasSubstr("small.png")));
  run("one", "one_by_file", "none");
  EXPECT_EQ(programs_.read(checkpoint("last.safetensors", "one")),
            programs_.read(checkpoint("last.safetensors", "one_by_file")));
}

TEST_F(Train, AShortTryShortensTheWarmUpAndSaysSo) {
  std::string config = kTinyTraining;
  config.replace(config.find("total_iters: 6\n"), 15, "total_iters: 3000\nwarmup_iters: 1000\n");
  programs_.folder().write("tiny.yaml", config);
  const ChildResult result = train({"--set", "total_iters=6"});
  EXPECT_EQ(result.exit_status, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("warmup_iters: 1000 → 2, in proportion to total_iters 6 (--set)"));
  EXPECT_THAT(programs_.read("experiments/run/config.yaml"), HasSubstr("warmup_iters: 2\n"));
}

TEST_F(Train, AFolderWithoutImagesIsNamed) {
  fs::create_directories(programs_.folder().path() / "empty");
  const ChildResult result = train({"--train-hr", "empty"});
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.err, HasSubstr("empty"));
}

TEST_F(Train, LowResolutionImagesOfAnotherSizeAreRefused) {
  draw_photograph(programs_, "lr/0.png", 10, 10, 1);
  for (int i = 1; i < 4; ++i) draw_photograph(programs_, "lr/" + std::to_string(i) + ".png", 24, 20, 1);
  const ChildResult result = train({"--train-hr", "data/train/HR", "--train-lr", "lr"});
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.err, HasSubstr("0.png"));
}

TEST_F(Train, AStartThatFailsLeavesTheEarlierRunInItsPlace) {
  ASSERT_EQ(train().exit_status, 0);
  const std::string before = programs_.read("experiments/run/checkpoints/best.safetensors");
  EXPECT_EQ(train({"--set", "data_dir=nowhere"}).exit_status, 1);
  EXPECT_EQ(programs_.read("experiments/run/checkpoints/best.safetensors"), before);
}

TEST_F(Train, ANameThatLeavesTheExperimentsFolderIsRefused) {
  for (const std::string name : {"../elsewhere", "/tmp/elsewhere", ".", ".."}) {
    const ChildResult result = train({"--set", "experiment_name=" + name});
    EXPECT_EQ(result.exit_status, 2) << name;
    EXPECT_THAT(result.err, HasSubstr("experiment_name"));
  }
  EXPECT_FALSE(programs_.exists("experiments"));
}

TEST_F(Train, ATrainedRunWhoseStatesAreGoneIsNotTakenForANewOne) {
  ASSERT_EQ(train().exit_status, 0);
  for (const int step : saved_steps()) {
    fs::remove(programs_.folder().path() / checkpoint("state_" + std::to_string(step) + ".safetensors"));
  }
  const std::string metrics = programs_.read("experiments/run/metrics.jsonl");
  const ChildResult result = train({"--resume"});
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.err, HasSubstr("experiments/run has been trained, but its checkpoints folder holds no state"));
  EXPECT_EQ(programs_.read("experiments/run/metrics.jsonl"), metrics);
}

TEST_F(Train, AFileSizeLimitIsAnErrorThatLeavesNoTemporaryFile) {
  const ChildResult result =
      programs_.run("sh", {"-c", "ulimit -f 8; exec " + Programs::binary("wring") + " train tiny.yaml --device cpu"});
  EXPECT_EQ(result.exit_status, 1) << result.err;
  EXPECT_THAT(result.err, HasSubstr("safetensors"));
  for (const auto& entry : fs::recursive_directory_iterator(programs_.folder().path() / "experiments")) {
    EXPECT_THAT(entry.path().filename().string(), Not(HasSubstr(".tmp")));
  }
}

TEST_F(Train, AGpuThatIsNotThereEndsWithExitCodeThree) {
  programs_.set("CUDA_VISIBLE_DEVICES", "");
  const ChildResult result = programs_.wring({"train", "tiny.yaml", "--device", "cuda"});
  EXPECT_EQ(result.exit_status, 3) << result.err;
  EXPECT_FALSE(programs_.exists("experiments"));
}

class Apply : public Train {
 protected:
  void SetUp() override {
    Train::SetUp();
    ASSERT_EQ(train().exit_status, 0);
  }
  const std::string checkpoint_ = "experiments/run/checkpoints/best.safetensors";
};

TEST_F(Apply, EvaluateGivesEveryImageAndTheMeanAsJson) {
  const ChildResult result = programs_.wring({"evaluate", checkpoint_, "data/val/HR", "--json", "--device", "cpu"});
  ASSERT_EQ(result.exit_status, 0) << result.err;
  const auto record = nlohmann::json::parse(result.out);
  ASSERT_EQ(record["images"].size(), 2U);
  const double mean = (record["images"][0]["psnr_y"].get<double>() + record["images"][1]["psnr_y"].get<double>()) / 2;
  EXPECT_NEAR(record["mean"]["psnr_y"].get<double>(), mean, 1e-9);
  EXPECT_EQ(record["scale"], 2);
}

TEST_F(Apply, EvaluateSavesTheImagesAndTheComparison) {
  const ChildResult result = programs_.wring(
      {"evaluate", checkpoint_, "data/val/HR", "--save", "sr", "--compare", "compare.png", "--device", "cpu"});
  ASSERT_EQ(result.exit_status, 0) << result.err;
  EXPECT_EQ(read_image(programs_.folder().path() / "sr/0.png").width, 40);
  EXPECT_GT(read_image(programs_.folder().path() / "compare.png").width, 4 * 40);
}

TEST_F(Apply, BicubicScoresAreThoseOfBicubicImages) {
  const ChildResult result = programs_.wring({"evaluate", "--bicubic", "--scale", "2", "data/val/HR", "--save", "up"});
  ASSERT_EQ(result.exit_status, 0) << result.err;
  const Image hr = read_image(programs_.folder().path() / "data/val/HR/0.png");
  EXPECT_EQ(read_image(programs_.folder().path() / "up/0.png").pixels,
            bicubic_enlarge(bicubic_shrink(hr, 2), 2).pixels);
}

TEST_F(Apply, UpscaleOfAFolderWritesEveryImageInTheNewSize) {
  const ChildResult result = programs_.wring({"upscale", checkpoint_, "data/val/HR", "-o", "big", "--device", "cpu"});
  ASSERT_EQ(result.exit_status, 0) << result.err;
  EXPECT_EQ(read_image(programs_.folder().path() / "big/0_x2.png").width, 80);
  EXPECT_EQ(read_image(programs_.folder().path() / "big/1_x2.png").height, 72);
}

TEST_F(Apply, ATruncatedCheckpointIsRefusedAndNothingIsWritten) {
  const std::string whole = programs_.read(checkpoint_);
  programs_.folder().write("half.safetensors", whole.substr(0, whole.size() / 2));
  const ChildResult result =
      programs_.wring({"upscale", "half.safetensors", "data/val/HR/0.png", "-o", "out.png", "--device", "cpu"});
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.err, HasSubstr("half.safetensors"));
  EXPECT_THAT(result.err, Not(HasSubstr("frame #")));
  EXPECT_FALSE(programs_.exists("out.png"));
}

TEST_F(Apply, ResumingWithAnotherNetworkIsRefused) {
  for (const std::string other : {"base_channels=16", "scale_factor=1"}) {
    const ChildResult result = train({"--resume", "--set", other, "total_iters=8"});
    EXPECT_EQ(result.exit_status, 1) << other;
    EXPECT_THAT(result.err, HasSubstr("state_6.safetensors"));
  }
}

TEST_F(Apply, ResumingWithAnotherOptimiserIsRefusedAndChangesNothing) {
  const std::string state = programs_.read(checkpoint("state_6.safetensors"));
  for (const std::string other : {"adam", "adan"}) {
    const ChildResult result = train({"--resume", "--set", "optimizer=" + other, "total_iters=8"});
    EXPECT_EQ(result.exit_status, 1) << other;
    EXPECT_THAT(result.err,
                HasSubstr("state_6.safetensors was trained with optimizer adamw, and this config says " + other));
    EXPECT_THAT(result.err, HasSubstr("go on with optimizer: adamw"));
  }
  EXPECT_EQ(programs_.read(checkpoint("state_6.safetensors")), state);
  EXPECT_THAT(programs_.read("experiments/run/config.yaml"), HasSubstr("optimizer: adamw\n"));
}

TEST_F(Apply, SavingOverTheEvaluatedImagesIsRefused) {
  const std::string before = programs_.read("data/val/HR/0.png");
  const ChildResult result =
      programs_.wring({"evaluate", checkpoint_, "data/val/HR", "--save", "data/val/../val/HR", "--device", "cpu"});
  EXPECT_EQ(result.exit_status, 2);
  EXPECT_EQ(programs_.read("data/val/HR/0.png"), before);
}

TEST_F(Apply, AnOutputThatCannotBeWrittenIsAnError) {
  if (!fs::is_character_file("/dev/full")) GTEST_SKIP() << "there is no /dev/full here";
  const ChildResult result =
      programs_.run("sh", {"-c", Programs::binary("wring") + " evaluate --bicubic --scale 2 data/val/HR > /dev/full"});
  EXPECT_EQ(result.exit_status, 1) << result.err;
}

}  // namespace
}  // namespace wring

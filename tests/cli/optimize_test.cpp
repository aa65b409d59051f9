// wring optimize on recorded machines.
#include <nlohmann/json.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "fixtures/programs.h"

namespace wring {
namespace {

using namespace testing_support;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class Optimize : public testing::Test {
 protected:
  void SetUp() override { programs_.folder().write("configs/lightweight_config.yaml", kSampleConfig); }

  ChildResult run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "optimize");
    return programs_.wring(arguments);
  }
  nlohmann::json run_json(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"configs/lightweight_config.yaml", "--json"});
    const ChildResult result = run(arguments);
    EXPECT_EQ(result.exit_status, 0) << result.err;
    return nlohmann::json::parse(result.out);
  }
  static nlohmann::json change(const nlohmann::json& report, const std::string& key) {
    for (const auto& change : report.at("changes")) {
      if (change.at("key") == key) return change;
    }
    return nullptr;
  }

  Programs programs_;
  const std::string config_ = "configs/lightweight_config.yaml";
  const std::string optimized_ = "configs/lightweight_gpu_optimized.yaml";
};

TEST_F(Optimize, WritesTheGuidesFileForTheCardWithItsTier) {
  programs_.use_machine("rtx4090");
  const ChildResult result = run({config_});
  ASSERT_EQ(result.exit_status, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("NVIDIA GeForce RTX 4090, 24.0 GiB"));
  EXPECT_THAT(result.out, HasSubstr("Written: " + optimized_));
  EXPECT_THAT(result.out, HasSubstr("wring train " + optimized_));
  EXPECT_THAT(result.err, IsEmpty());
  const std::string written = programs_.read(optimized_);
  EXPECT_THAT(written, HasSubstr("batch_size: 64   # what fitted the old card\n"));
  EXPECT_THAT(written, HasSubstr("base_channels: 128\n"));
  EXPECT_THAT(written, HasSubstr("num_blocks: 12\n"));
  EXPECT_THAT(written, HasSubstr("patch_size:  256\n"));
}

TEST_F(Optimize, KeepsCommentsForeignKeysAndTheInput) {
  programs_.use_machine("rtx4090");
  ASSERT_EQ(run({config_}).exit_status, 0);
  const std::string written = programs_.read(optimized_);
  EXPECT_THAT(written, testing::StartsWith("# our first try\n"));
  EXPECT_THAT(written, HasSubstr("team_note: \"ask Li before changing lr\"\n"));
  EXPECT_EQ(programs_.read(config_), kSampleConfig);
}

TEST_F(Optimize, MarksWhatChangesTheModelAndTheOptimisationAndExplainsTheMarks) {
  programs_.use_machine("rtx4090");
  const std::string out = run({config_}).out;
  EXPECT_THAT(out, HasSubstr("◆ base_channels"));
  EXPECT_THAT(out, HasSubstr("▲ batch_size"));
  EXPECT_THAT(out, HasSubstr("\n◆ changes the model"));
  EXPECT_THAT(out, HasSubstr("\n▲ changes the optimisation"));
  programs_.set("LC_ALL", "C");
  const std::string ascii = run({config_}).out;
  EXPECT_THAT(ascii, HasSubstr("# base_channels"));
  EXPECT_TRUE(std::all_of(ascii.begin(), ascii.end(), [](char c) { return static_cast<unsigned char>(c) < 128; }))
      << ascii;
}

TEST_F(Optimize, JsonIsOneObjectWithEveryChangeAndNothingElse) {
  programs_.use_machine("rtx4090");
  const nlohmann::json report = run_json({});
  EXPECT_EQ(report.at("schema"), 1);
  EXPECT_EQ(report.at("machine").at("source"), "nvml");
  EXPECT_EQ(report.at("machine").at("card").at("name"), "NVIDIA GeForce RTX 4090");
  EXPECT_EQ(report.at("machine").at("basic_mode"), false);
  EXPECT_EQ(report.at("machine").at("found").at(0).at("memory_total_mib"), 24564);
  EXPECT_EQ(report.at("machine").at("found").at(0).at("compute_capability"), "8.9");
  EXPECT_EQ(report.at("output"), optimized_);
  EXPECT_EQ(report.at("written"), true);
  EXPECT_EQ(report.at("next_command"), "wring train " + optimized_);
  const nlohmann::json batch = change(report, "batch_size");
  EXPECT_EQ(batch.at("old"), 16);
  EXPECT_EQ(batch.at("new"), 64);
  EXPECT_EQ(batch.at("effect"), "optimisation");
  EXPECT_FALSE(batch.at("reason").get<std::string>().empty());
  EXPECT_FALSE(batch.at("rule").get<std::string>().empty());
  EXPECT_EQ(change(report, "base_channels").at("effect"), "model");
}

TEST_F(Optimize, SeveralLargeCardsArePlannedForTogether) {
  programs_.use_machine("two_h200s");
  const nlohmann::json report = run_json({});
  EXPECT_EQ(report.at("machine").at("gpus"), 2);
  EXPECT_EQ(report.at("machine").at("found").size(), 2u);
  EXPECT_GE(change(report, "batch_size").at("new").get<int>(), 64);
}

TEST_F(Optimize, ALostCardIsShownWithItsCureAndTheOtherOneIsUsed) {
  programs_.use_machine("lost_gpu");
  const ChildResult result = run({config_});
  EXPECT_EQ(result.exit_status, 0);
  EXPECT_THAT(result.out, HasSubstr("NVIDIA GeForce RTX 3090, 24.0 GiB"));
  EXPECT_THAT(result.err, HasSubstr("warning: GPU 1: NVML: the GPU has fallen off the bus (code 15)"));
  EXPECT_THAT(result.err, HasSubstr("Xid 79"));
  EXPECT_THAT(programs_.read(optimized_), HasSubstr("batch_size: 64"));
}

TEST_F(Optimize, AnOldDriverIsEnough) {
  programs_.use_machine("old_driver", "old_driver");
  const ChildResult result = run({config_});
  EXPECT_EQ(result.exit_status, 0);
  EXPECT_THAT(result.out, HasSubstr("GeForce GTX 1080, 7.9 GiB"));
  EXPECT_THAT(result.err, IsEmpty());
  EXPECT_TRUE(programs_.exists(optimized_));
}

TEST_F(Optimize, AVersionMismatchGivesItsCureAndTheBasicMode) {
  programs_.use_machine("version_mismatch");
  const ChildResult result = run({config_});
  EXPECT_EQ(result.exit_status, 0);
  EXPECT_THAT(result.err, HasSubstr("(code 18)"));
  EXPECT_THAT(result.err, HasSubstr("→ the driver was updated while it was in use: reboot"));
  EXPECT_THAT(result.out, HasSubstr("basic mode"));
  EXPECT_THAT(programs_.read(optimized_), HasSubstr("batch_size: 32"));
}

TEST_F(Optimize, DeniedCardsGiveTheBasicMode) {
  programs_.use_machine("permission_denied");
  const ChildResult result = run({config_});
  EXPECT_EQ(result.exit_status, 0);
  EXPECT_THAT(result.err, HasSubstr("--gpus all"));
  EXPECT_THAT(result.out, HasSubstr("basic mode"));
}

TEST_F(Optimize, WithoutACardOrADriverItStillWrites) {
  const nlohmann::json report = run_json({});
  EXPECT_EQ(report.at("machine").at("source"), "none");
  EXPECT_EQ(report.at("machine").at("basic_mode"), true);
  EXPECT_EQ(report.at("machine").at("card"), nullptr);
  EXPECT_EQ(report.at("machine").at("problems").at(0).at("code"), 12);
  EXPECT_TRUE(programs_.exists(optimized_));
  const std::string err = run({config_}).err;
  EXPECT_EQ(err.find("install the NVIDIA driver"), err.rfind("install the NVIDIA driver")) << "the cure is said once";
  programs_.use_machine("none");
  EXPECT_THAT(run({config_}).err, HasSubstr("shows no GPU"));
}

TEST_F(Optimize, ACardCanBeNamedThatIsNotHere) {
  const nlohmann::json report = run_json({"--gpu", "RTX 4090", "--gpus", "4", "--dry-run"});
  EXPECT_EQ(report.at("machine").at("source"), "given");
  EXPECT_EQ(report.at("machine").at("gpus"), 4);
  EXPECT_EQ(change(report, "batch_size").at("new"), 64);
  const nlohmann::json by_memory = run_json({"--gpu-memory", "12"});
  EXPECT_EQ(change(by_memory, "base_channels").at("new"), 96);
  EXPECT_EQ(run({config_, "--gpu", "Voodoo 2"}).exit_status, 2);
  EXPECT_EQ(run({config_, "--gpu-memory", "-3"}).exit_status, 2);
  EXPECT_EQ(run({config_, "--gpus", "0"}).exit_status, 2);
}

TEST_F(Optimize, KeepModelLeavesTheNetworkAlone) {
  programs_.use_machine("rtx4090");
  const nlohmann::json report = run_json({"--keep-model"});
  EXPECT_FALSE(report.at("changes").empty());
  for (const auto& change : report.at("changes")) EXPECT_NE(change.at("effect"), "model") << change;
}

TEST_F(Optimize, SaysWhatThePlanDoesToTheWholeRun) {
  programs_.use_machine("rtx4090");
  const ChildResult result = run({config_});
  EXPECT_THAT(result.out, HasSubstr("The whole run: 1.6 million samples before (100000 steps of 16), 6.4 million after "
                                    "(100000 steps of 64): 4 × the samples, 16 × the pixels."));
  EXPECT_THAT(result.out, HasSubstr("wring optimize --same-samples"));
  EXPECT_THAT(run({config_, "--lang", "zh"}).out, HasSubstr("整个训练：样本数原为 160 万"));
  const nlohmann::json report = run_json({});
  EXPECT_EQ(report.at("run").at("gpus"), 1);
  EXPECT_EQ(report.at("run").at("before").at("samples"), 1600000);
  EXPECT_EQ(report.at("run").at("after").at("samples"), 6400000);
  EXPECT_EQ(report.at("run").at("after").at("pixels"), 6400000.0 * 256 * 256);
  programs_.use_machine("two_h200s");
  EXPECT_THAT(run({config_}).out, HasSubstr("The whole run on all 2 GPUs (wring train --nproc 2): 3.2 million"));
}

TEST_F(Optimize, SameSamplesShortensTheRun) {
  programs_.use_machine("rtx4090");
  const ChildResult result = run({config_, "--same-samples"});
  ASSERT_EQ(result.exit_status, 0) << result.err;
  EXPECT_THAT(programs_.read(optimized_), HasSubstr("\ntotal_iters: 6250\n"));
  EXPECT_THAT(result.out, HasSubstr("100000 (default)"));
  EXPECT_THAT(result.out, HasSubstr("1.6 million samples before (100000 steps of 16), 400000 after (6250 steps of 64): "
                                    "0.25 × the samples, 1 × the pixels"));
  EXPECT_THAT(result.out, Not(HasSubstr("--same-samples")));
}

TEST_F(Optimize, TheLossStaysUnlessPerceptualAsksForIt) {
  programs_.use_machine("rtx4090");
  const ChildResult plain = run({config_});
  EXPECT_THAT(programs_.read(optimized_), Not(HasSubstr("use_perceptual: true")));
  EXPECT_THAT(plain.out, HasSubstr("--perceptual switches it on"));
  EXPECT_EQ(run({config_, "--perceptual"}).exit_status, 0);
  EXPECT_THAT(programs_.read(optimized_), HasSubstr("use_perceptual: true\n"));
  EXPECT_EQ(run({config_, "--perceptual", "--keep-model"}).exit_status, 2);
}

TEST_F(Optimize, MarksDefaultsAndAdvisesOnNoLearningRateThatIsNotThere) {
  programs_.folder().write("short.yaml", "batch_size: 16\n");
  const ChildResult result = run({"short.yaml", "--gpu", "4090", "--dry-run"});
  EXPECT_THAT(result.out, HasSubstr("64 (default)"));
  EXPECT_THAT(result.out, Not(HasSubstr("16 (default)")));
  EXPECT_THAT(result.out, Not(HasSubstr("lr")));
  EXPECT_THAT(run({"short.yaml", "--gpu", "4090", "--dry-run", "--lang", "zh"}).out, HasSubstr("64（默认）"));
  EXPECT_THAT(run({config_, "--gpu", "4090", "--dry-run"}).out, HasSubstr("lr 0.0004; lr stays 0.0002"));
  const nlohmann::json report = run_json({"--gpu", "4090"});
  EXPECT_EQ(change(report, "batch_size").at("old_is_default"), false);
  EXPECT_EQ(change(report, "grad_clip").at("old_is_default"), true);
}

TEST_F(Optimize, NamesTheKeysThatTrainingWillRefuse) {
  programs_.use_machine("rtx4090");
  EXPECT_THAT(run({config_}).out,
              HasSubstr("note: these keys are not Wring's and stay as they are: team_note (line 10)"));
}

// What the real run refuses, with the same words.
TEST_F(Optimize, ADryRunMakesEveryCheckOfTheRealRun) {
  const auto& write = [&](const char* name, const char* text) { programs_.folder().write(name, text); };
  write("plain.json", "{\n  \"model\": \"edsr\", \"base_channels\": 8, \"num_blocks\": 1, \"batch_size\": 4\n}\n");
  write("alias.yaml", "batch_size: &b 4\nval_freq: *b\nbase_channels: 8\nnum_blocks: 1\n");
  write("warmup.yaml", "warmup_iters: 500\ntotal_iters: 400\n");
  const std::vector<std::vector<std::string>> cases = {{"plain.json"},
                                                       {"alias.yaml"},
                                                       {"warmup.yaml"},
                                                       {config_, "-o", "new/place/out.yaml"},
                                                       {config_, "-o", "configs"}};
  for (const std::vector<std::string>& arguments : cases) {
    std::vector<std::string> real = arguments, dry = arguments;
    real.insert(real.end(), {"--gpu", "4090"});
    dry.insert(dry.end(), {"--gpu", "4090", "--dry-run"});
    const ChildResult done = run(real), shown = run(dry);
    EXPECT_NE(shown.exit_status, 0) << arguments.front();
    EXPECT_EQ(shown.exit_status, done.exit_status) << arguments.front();
    EXPECT_EQ(shown.err, done.err) << arguments.front();
    EXPECT_EQ(shown.out, done.out) << arguments.front();
  }
  EXPECT_THAT(run({"plain.json", "--dry-run"}).err, HasSubstr("is not written as one 'key: value' a line"));
  EXPECT_THAT(run({"alias.yaml", "--dry-run"}).err, HasSubstr("alias.yaml:1: batch_size: cannot edit"));
}

TEST_F(Optimize, ADryRunWritesNothing) {
  programs_.use_machine("rtx4090");
  const ChildResult result = run({config_, "--dry-run"});
  EXPECT_EQ(result.exit_status, 0);
  EXPECT_THAT(result.out, HasSubstr("batch_size"));
  EXPECT_THAT(result.out, HasSubstr("Not written"));
  EXPECT_FALSE(programs_.exists(optimized_));
}

TEST_F(Optimize, TheOutputCanBeNamed) {
  programs_.use_machine("rtx4090");
  ASSERT_EQ(run({config_, "-o", "mine.yaml"}).exit_status, 0);
  EXPECT_TRUE(programs_.exists("mine.yaml"));
  EXPECT_FALSE(programs_.exists(optimized_));
}

TEST_F(Optimize, SpeaksChinese) {
  programs_.use_machine("rtx4090");
  const ChildResult result = run({config_, "--lang", "zh"});
  EXPECT_EQ(result.exit_status, 0);
  EXPECT_THAT(result.out, HasSubstr("驱动 550.54.15"));
  EXPECT_THAT(result.out, HasSubstr("原因"));
  EXPECT_THAT(result.out, HasSubstr("改变模型"));
  EXPECT_THAT(result.out, HasSubstr("已写入：" + optimized_));
  EXPECT_THAT(result.out, HasSubstr("下一步：wring train " + optimized_));
}

TEST_F(Optimize, QuietPrintsNothingButErrors) {
  const ChildResult result = run({config_, "--quiet"});
  EXPECT_EQ(result.exit_status, 0);
  EXPECT_THAT(result.out, IsEmpty());
  EXPECT_THAT(result.err, IsEmpty());
  EXPECT_TRUE(programs_.exists(optimized_));
  EXPECT_THAT(run({"missing.yaml", "--quiet"}).err, HasSubstr("missing.yaml"));
}

TEST_F(Optimize, AConfigThatDoesNotExistListsThoseThatDo) {
  programs_.folder().write("configs/balanced.yaml", "batch_size: 32\n");
  const ChildResult result = run({"configs/ligthweight_config.yaml"});
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.out, IsEmpty());
  EXPECT_THAT(result.err, HasSubstr("error: the config configs/ligthweight_config.yaml does not exist"));
  EXPECT_THAT(result.err, HasSubstr("did you mean configs/lightweight_config.yaml?"));
  EXPECT_THAT(result.err, HasSubstr("configs/balanced.yaml, configs/lightweight_config.yaml"));
  EXPECT_THAT(run({"nowhere.yaml"}).err, HasSubstr("configs/balanced.yaml")) << "configs/ is looked at from anywhere";
}

TEST_F(Optimize, WhatIsWrongInAConfigIsNamed) {
  programs_.folder().write("bad.yaml", "batch_size: many\n");
  const ChildResult result = run({"bad.yaml"});
  EXPECT_EQ(result.exit_status, 2);
  EXPECT_THAT(result.err, HasSubstr("bad.yaml"));
  EXPECT_THAT(result.err, HasSubstr("batch_size"));
  EXPECT_FALSE(programs_.exists("bad_gpu_optimized.yaml"));
}

TEST_F(Optimize, TheOutputIsNeverTheInputHoweverItIsSpelled) {
  const ChildResult result = run({config_, "-o", "./configs/../configs/lightweight_config.yaml"});
  EXPECT_EQ(result.exit_status, 2);
  EXPECT_THAT(result.err, HasSubstr("is the config itself"));
  EXPECT_EQ(programs_.read(config_), kSampleConfig);
}

TEST_F(Optimize, AMissingOutputFolderSaysHowToMakeIt) {
  const ChildResult result = run({config_, "-o", "new/place/out.yaml"});
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.err, HasSubstr("the output folder new/place does not exist"));
  EXPECT_THAT(result.err, HasSubstr("mkdir -p new/place"));
}

TEST_F(Optimize, AFolderThatCannotBeWrittenIsNamed) {
  if (::geteuid() == 0) {
    // The superuser may write anywhere but into the kernel's own file systems.
    const ChildResult result = run({config_, "-o", "/proc/out.yaml"});
    EXPECT_EQ(result.exit_status, 1);
    EXPECT_THAT(result.err, HasSubstr("/proc/out.yaml"));
    return;
  }
  std::filesystem::create_directory(programs_.folder().path() / "locked");
  std::filesystem::permissions(programs_.folder().path() / "locked", std::filesystem::perms::owner_read);
  const ChildResult result = run({config_, "-o", "locked/out.yaml"});
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.err, HasSubstr("locked/out.yaml"));
}

}  // namespace
}  // namespace wring

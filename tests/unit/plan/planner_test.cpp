#include "wring/plan/planner.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "wring/base/error.h"
#include "wring/files/files.h"
#include "wring/plan/memory_model.h"
#include "wring/plan/target.h"

namespace wring {
namespace {
namespace fs = std::filesystem;
using testing::Contains;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;

// The guide's configuration that uses a fifth of a GPU.
const char* const kGuide =
    "base_channels: 32   # small\nnum_blocks: 4\npatch_size: 128\nbatch_size: 16\nnum_workers: 0\n"
    "my_key: [kept, 'as', is]\n";

ConfigFile config(const std::string& text) {
  return parse_config(text, "c.yaml", UnknownKeys::ignore);
}
Machine with_card(const Card& card, int cores = 32, int gpus = 1) {
  return {card, gpus, cores};
}
Machine without_card(int cores = 32) {
  return {std::nullopt, 0, cores};
}

PlanOptions guides_way() {
  PlanOptions options;
  options.perceptual = PerceptualChoice::as_tier;
  return options;
}

const Change* find(const Plan& plan, const std::string& key) {
  const auto found = std::ranges::find(plan.changes, key, &Change::key);
  return found == plan.changes.end() ? nullptr : &*found;
}

TEST(Planner, SetsCompileModelOnlyWhereEagerIsAskedFor) {
  const Machine machine = with_card(card_of_memory(24));
  EXPECT_EQ(find(make_plan(config("compile_model: true"), machine), "compile_model"), nullptr);
  EXPECT_EQ(find(make_plan(config("batch_size: 8"), machine), "compile_model"), nullptr)
      << "not given, it is the fastest engine";
  const Plan plan = make_plan(config("compile_model: false"), machine);
  ASSERT_NE(find(plan, "compile_model"), nullptr);
  EXPECT_EQ(find(plan, "compile_model")->new_value, "true");
}

TEST(Planner, SaysWhoseFeaturesThePerceptualLossComparesWhereItSwitchesItOn) {
  const auto reason = [](const std::string& text, const std::optional<fs::path>& weights) {
    Machine machine = with_card(card_of_memory(24));
    machine.vgg_weights = weights;
    PlanOptions options;
    options.perceptual = PerceptualChoice::on;
    const Plan plan = make_plan(config(text), machine, options);
    for (const Text& note : plan.notes) EXPECT_THAT(note.en, testing::Not(HasSubstr("VGG")));
    const Change* change = find(plan, "use_perceptual");
    return change != nullptr ? change->reason.en : "";
  };
  EXPECT_THAT(reason("seed: 1", "/hub/vgg.pth"), HasSubstr("VGG-19 with the weights of /hub/vgg.pth, where PyTorch"));
  EXPECT_THAT(reason("seed: 1", ""), HasSubstr("VGG-19 with random weights, because there is no "));
  EXPECT_THAT(reason("seed: 1", std::nullopt), HasSubstr("the weights are looked for where it trains"));
  EXPECT_THAT(reason("perceptual_weights_file: mine.pth", ""), HasSubstr("mine.pth (perceptual_weights_file)"));
}

struct Expected {
  double gib;
  std::int64_t batch, channels, blocks, patch, workers;
  bool perceptual;
};

class PlannerTier : public testing::TestWithParam<Expected> {};

TEST_P(PlannerTier, GivesTheGuidesValuesToAnEmptyConfig) {
  const Expected& e = GetParam();
  const Plan plan = make_plan(config("base_channels: 8\nnum_blocks: 1\npatch_size: 64\nbatch_size: 1\nnum_workers: 0"),
                              with_card(card_of_memory(e.gib)), guides_way());
  EXPECT_EQ(plan.result.batch_size, e.batch);
  EXPECT_EQ(plan.result.base_channels, e.channels);
  EXPECT_EQ(plan.result.num_blocks, e.blocks);
  EXPECT_EQ(plan.result.patch_size, e.patch);
  EXPECT_EQ(plan.result.num_workers, e.workers);
  EXPECT_EQ(plan.result.use_perceptual, e.perceptual);
  EXPECT_TRUE(plan.result.use_mixed_precision);
  EXPECT_TRUE(fast_engine_wanted(plan.result));
  EXPECT_TRUE(plan.result.pin_memory);
  EXPECT_TRUE(plan.result.persistent_workers);
  EXPECT_EQ(plan.result.prefetch_factor, 4);
  EXPECT_EQ(plan.result.grad_clip, 1.0);
  EXPECT_FALSE(plan.basic_mode);
}

// The first of each pair is what real cards report: RTX 4090, A10 (ECC), 4080, T4 (ECC), 4070, 2080 Ti, 1080,
// 1060.
INSTANTIATE_TEST_SUITE_P(
    Cards, PlannerTier,
    testing::Values(Expected{24.0, 64, 128, 12, 256, 12, true}, Expected{23.99, 64, 128, 12, 256, 12, true},
                    Expected{22.49, 64, 128, 12, 256, 12, true}, Expected{22.0, 48, 96, 8, 192, 8, true},
                    Expected{15.99, 48, 96, 8, 192, 8, true}, Expected{15.0, 48, 96, 8, 192, 8, true},
                    Expected{14.8, 32, 96, 8, 192, 8, true}, Expected{11.99, 32, 96, 8, 192, 8, true},
                    Expected{11.0, 16, 64, 6, 128, 6, false}, Expected{7.93, 16, 64, 6, 128, 6, false},
                    Expected{7.4, 8, 32, 4, 96, 4, false}, Expected{5.93, 8, 32, 4, 96, 4, false}),
    [](const auto& test) { return std::to_string(test.index); });

TEST(Planner, EveryKnownCardGetsItsTier) {
  for (const std::string& name : known_cards()) {
    const Card card = find_card(name);
    const Plan plan = make_plan(config(kGuide), with_card(card));
    const Tier& tier = tier_of(card.memory_gib);
    EXPECT_EQ(plan.result.base_channels, std::max<std::int64_t>(32, tier.base_channels)) << name;
    EXPECT_GE(plan.result.batch_size, tier.batch_size) << name;
  }
}

TEST(Planner, LargerCardsGetALargerBatchButNoLargerModel) {
  std::int64_t last = 64;
  for (const double gib : {32.0, 48.0, 80.0, 140.4}) {
    const Plan plan = make_plan(config(kGuide), with_card(card_of_memory(gib)));
    EXPECT_EQ(plan.result.base_channels, 128);
    EXPECT_EQ(plan.result.num_blocks, 12);
    EXPECT_EQ(plan.result.patch_size, 256);
    EXPECT_GE(plan.result.batch_size, last);
    EXPECT_LE(training_memory_mib(plan.result) / 1024, 0.5 * gib);
    last = plan.result.batch_size;
  }
  EXPECT_EQ(last, 256);
  const Plan huge = make_plan(config(kGuide), with_card(card_of_memory(10000)));
  EXPECT_EQ(huge.result.batch_size, 256);
  EXPECT_THAT(find(huge, "batch_size")->reason.en, HasSubstr("seldom run faster"));
}

TEST(Planner, ValuesThatAreLargerAlreadyStay) {
  const Plan plan = make_plan(config("base_channels: 160\nnum_blocks: 20\npatch_size: 264\nbatch_size: "
                                     "80\nnum_workers: 16\nprefetch_factor: 8\n"
                                     "grad_clip: 0.01\nuse_perceptual: yes\n"),
                              with_card(find_card("4090")));
  EXPECT_EQ(plan.result.base_channels, 160);
  EXPECT_EQ(plan.result.num_blocks, 20);
  EXPECT_EQ(plan.result.patch_size, 264);
  EXPECT_EQ(plan.result.batch_size, 80);
  EXPECT_EQ(plan.result.num_workers, 16);
  EXPECT_EQ(plan.result.prefetch_factor, 8);
  EXPECT_EQ(plan.result.grad_clip, 0.01);
}

TEST(Planner, ThePatchStaysAMultipleOfTheScale) {
  EXPECT_EQ(make_plan(config("scale_factor: 3\npatch_size: 96"), with_card(find_card("4090"))).result.patch_size, 255);
  EXPECT_EQ(make_plan(config("scale_factor: 3\npatch_size: 96"), with_card(find_card("4080"))).result.patch_size, 192);
  EXPECT_EQ(make_plan(config("scale_factor: 3\npatch_size: 255"), with_card(find_card("4090"))).result.patch_size, 255);
}

TEST(Planner, LowersTheBatchOnlyWhenTheCardCannotHoldIt) {
  const char* const wide = "base_channels: 256\nnum_blocks: 32\npatch_size: 384\nbatch_size: 32\n";
  const Plan plan = make_plan(config(wide), with_card(find_card("1080")));
  ASSERT_NE(find(plan, "batch_size"), nullptr);
  EXPECT_LT(plan.result.batch_size, 32);
  EXPECT_GE(plan.result.batch_size, 1);
  EXPECT_EQ(plan.result.base_channels, 256);
  EXPECT_EQ(plan.result.patch_size, 384);
  EXPECT_LE(training_memory_mib(plan.result) / 1024, 0.9 * plan.machine.card->memory_gib);
  EXPECT_THAT(find(plan, "batch_size")->reason.en, HasSubstr("batch 32 would take about"));
}

TEST(Planner, SaysWhenNotEvenOnePatchFits) {
  const Plan plan =
      make_plan(config("base_channels: 1024\nnum_blocks: 200\npatch_size: 1024\n"), with_card(card_of_memory(4)));
  EXPECT_EQ(plan.result.batch_size, 1);
  EXPECT_THAT(plan.notes, Contains(Field(&Text::en, HasSubstr("even one patch"))));
}

TEST(Planner, KeepModelLeavesNetworkPatchAndTargetAlone) {
  PlanOptions options;
  options.keep_model = true;
  options.perceptual = PerceptualChoice::as_tier;
  const Plan plan = make_plan(config(kGuide), with_card(find_card("4090")), options);
  EXPECT_EQ(plan.result.base_channels, 32);
  EXPECT_EQ(plan.result.num_blocks, 4);
  EXPECT_EQ(plan.result.patch_size, 128);
  EXPECT_FALSE(plan.result.use_perceptual);
  EXPECT_EQ(plan.result.batch_size, 64);
  EXPECT_EQ(plan.result.num_workers, 12);
  EXPECT_THAT(plan.notes, Contains(Field(&Text::en, HasSubstr("base_channels 32 and num_blocks 4 stay"))));
  EXPECT_THAT(plan.notes, Contains(Field(&Text::en, HasSubstr("patch_size 128 stays"))));
  EXPECT_THAT(plan.notes, Contains(Field(&Text::en, HasSubstr("use_perceptual stays off"))));
}

TEST(Planner, LeavesTheLossToTheUserUnlessAsked) {
  const Plan plan = make_plan(config(kGuide), with_card(find_card("4090")));
  EXPECT_FALSE(plan.result.use_perceptual);
  EXPECT_THAT(plan.notes, Contains(Field(&Text::en, HasSubstr("wring optimize --perceptual switches it on"))));
  PlanOptions asked;
  asked.perceptual = PerceptualChoice::on;
  for (const char* card : {"4090", "1080"}) {
    EXPECT_TRUE(make_plan(config(kGuide), with_card(find_card(card)), asked).result.use_perceptual) << card;
  }
  EXPECT_TRUE(make_plan(config(kGuide), without_card(), asked).result.use_perceptual);
  EXPECT_FALSE(make_plan(config(kGuide), with_card(find_card("1080")), guides_way()).result.use_perceptual);
  const Plan already = make_plan(config("use_perceptual: true\n"), with_card(find_card("1080")));
  EXPECT_TRUE(already.result.use_perceptual) << "what the user switched on stays on";
}

TEST(Planner, SaysWhatItDoesToTheWholeRun) {
  const Plan plan = make_plan(config(kGuide), with_card(find_card("4090"), 32, 2));
  EXPECT_EQ(plan.run_before, (RunLength{100000, 32, 128}));
  EXPECT_EQ(plan.run_after, (RunLength{100000, 128, 256}));
  EXPECT_THAT(plan.notes, Contains(Field(&Text::en, HasSubstr("sees 16 × the pixels; wring optimize --same-samples "
                                                              "keeps the pixels instead, in 6250 steps"))));
  const Plan same = make_plan(config("base_channels: 128\nnum_blocks: 12\npatch_size: 256\nbatch_size: 64\n"),
                              with_card(find_card("4090")));
  EXPECT_EQ(same.run_before, same.run_after);
  EXPECT_THAT(same.notes, testing::Not(Contains(Field(&Text::en, HasSubstr("--same-samples")))));
}

TEST(Planner, KeepsTheSamplesOfTheRunWhenAsked) {
  PlanOptions options;
  options.same_samples = true;
  const std::string text = std::string(kGuide) +
                           "lr: 1e-4\nwarmup_iters: 1600\nval_freq: 3200\nscheduler: multistep\n"
                           "milestones: [48000, 80000]  # of 100000\n";
  const ConfigFile file = config(text);
  const Plan plan = make_plan(file, with_card(find_card("4090")), options);
  EXPECT_EQ(plan.result.total_iters, 6250);
  EXPECT_EQ(plan.result.warmup_iters, 100);
  EXPECT_EQ(plan.result.val_freq, 200);
  EXPECT_EQ(plan.result.checkpoint_freq, 63);
  EXPECT_THAT(plan.result.milestones, testing::ElementsAre(3000, 5000));
  EXPECT_DOUBLE_EQ(plan.run_after.pixels(), plan.run_before.pixels());
  EXPECT_EQ(find(plan, "total_iters")->old_value, "100000");
  EXPECT_TRUE(find(plan, "total_iters")->old_is_default);
  EXPECT_THAT(plan.notes, testing::Not(Contains(Field(&Text::en, HasSubstr("--same-samples")))));
  EXPECT_THAT(plan.notes, Contains(Field(&Text::en, HasSubstr("ema_decay"))));
  const std::string written = planned_text(file, plan);
  EXPECT_THAT(written, HasSubstr("milestones: [3000, 5000]  # of 100000\n"));
  EXPECT_THAT(make_plan(config(written), with_card(find_card("4090")), options).changes, IsEmpty());
}

TEST(Planner, EveryRuleMakesAChangeAndCanBeDisabledByName) {
  const char* const plain =
      "base_channels: 32\nnum_blocks: 4\nbatch_size: 1\nnum_workers: 0\npin_memory: off\n"
      "compile_model: off\n";
  const Machine machine = with_card(find_card("4090"));
  PlanOptions everything = guides_way();
  everything.same_samples = true;
  const Plan full = make_plan(config(plain), machine, everything);
  for (const std::string& rule : plan_rules()) {
    EXPECT_THAT(full.changes, Contains(Field(&Change::rule, rule)));
    PlanOptions options = everything;
    options.disabled_rules = {rule};
    const Plan plan = make_plan(config(plain), machine, options);
    EXPECT_THAT(plan.changes, testing::Each(Field(&Change::rule, testing::Ne(rule))));
    EXPECT_LT(plan.changes.size(), full.changes.size());
  }
}

TEST(Planner, AnUnknownRuleIsAnsweredWithTheKnownOnes) {
  PlanOptions options;
  options.disabled_rules = {"batch"};
  try {
    make_plan(config(kGuide), without_card(), options);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::usage);
    EXPECT_THAT(error.hint().en, HasSubstr("batch_size"));
  }
}

TEST(Planner, EveryChangeCarriesItsReasonAndItsEffect) {
  const Plan plan = make_plan(config(kGuide), with_card(find_card("1080")));
  for (const Change& change : plan.changes) {
    EXPECT_GT(change.reason.en.size(), 20U) << change.key;
    EXPECT_GT(change.reason.zh.size(), 20U) << change.key;
    EXPECT_NE(change.reason.en, change.reason.zh) << change.key;
    EXPECT_NE(change.old_value, change.new_value) << change.key;
  }
  EXPECT_EQ(find(plan, "base_channels")->effect, Effect::model);
  EXPECT_EQ(find(plan, "num_blocks")->effect, Effect::model);
  EXPECT_EQ(find(plan, "grad_clip")->effect, Effect::optimisation);
  EXPECT_EQ(find(plan, "num_workers")->effect, Effect::speed);
  EXPECT_EQ(find(plan, "num_workers")->old_value, "0");
  EXPECT_EQ(find(plan, "num_workers")->new_value, "6");
  const Plan larger = make_plan(config(std::string(kGuide) + "lr: 2e-4\n"), with_card(find_card("4090")), guides_way());
  EXPECT_EQ(find(larger, "batch_size")->effect, Effect::optimisation);
  EXPECT_EQ(find(larger, "patch_size")->effect, Effect::optimisation);
  EXPECT_EQ(find(larger, "use_perceptual")->effect, Effect::optimisation);
  EXPECT_THAT(find(larger, "batch_size")->reason.en, HasSubstr("24 GB card: batch 64"));
  EXPECT_THAT(find(larger, "batch_size")->reason.zh, HasSubstr("24 GB 显卡：batch 64"));
  EXPECT_THAT(larger.notes, Contains(Field(&Text::en, HasSubstr("square-root rule would go with lr 0.0004"))));
}

TEST(Planner, AnAbsentKeyShowsItsDefaultAsTheOldValue) {
  const Plan plan = make_plan(config("lr: 1e-4"), with_card(find_card("4090")));
  EXPECT_EQ(find(plan, "base_channels")->old_value, "64");
  EXPECT_EQ(find(plan, "prefetch_factor")->old_value, "2");
  EXPECT_EQ(old_value_text(*find(plan, "base_channels")).en, "64 (default)");
  EXPECT_EQ(old_value_text(*find(plan, "base_channels")).zh, "64（默认）");
  const Plan named = make_plan(config("base_channels: 32\n"), with_card(find_card("4090")));
  EXPECT_EQ(old_value_text(*find(named, "base_channels")).en, "32");
}

TEST(Planner, AdvisesOnNoLearningRateThatTheConfigDoesNotName) {
  const Plan plan = make_plan(config(kGuide), with_card(find_card("4090")));
  EXPECT_EQ(plan.result.batch_size, 64);
  EXPECT_THAT(plan.notes, testing::Not(Contains(Field(&Text::en, HasSubstr("lr")))));
}

TEST(Planner, CardsWithoutBf16GetFp16) {
  EXPECT_EQ(make_plan(config(kGuide), with_card(find_card("1080"))).result.amp_dtype, "fp16");
  EXPECT_EQ(make_plan(config(kGuide), with_card(find_card("4090"))).result.amp_dtype, "bf16");
  EXPECT_EQ(make_plan(config(kGuide), with_card(card_of_memory(8))).result.amp_dtype, "bf16");
}

TEST(Planner, WorkersNeverExceedTheCores) {
  const auto workers = [](const char* text, int cores, int gpus) {
    return make_plan(config(text), with_card(find_card("4090"), cores, gpus)).result.num_workers;
  };
  EXPECT_EQ(workers("num_workers: 0", 4, 1), 4);
  EXPECT_EQ(workers("num_workers: 0", 16, 4), 4);
  EXPECT_EQ(workers("num_workers: 0", 2, 8), 1);
  EXPECT_EQ(workers("num_workers: 32", 8, 1), 8);
}

TEST(Planner, BasicModeDoublesAsTheGuideDoes) {
  const Plan plan = make_plan(config(kGuide), without_card());
  EXPECT_TRUE(plan.basic_mode);
  EXPECT_EQ(plan.result.batch_size, 32);
  EXPECT_EQ(plan.result.base_channels, 64);
  EXPECT_EQ(plan.result.num_blocks, 8);
  EXPECT_EQ(plan.result.patch_size, 192);
  EXPECT_EQ(plan.result.num_workers, 8);
  EXPECT_FALSE(plan.result.use_perceptual);
  EXPECT_TRUE(plan.result.use_mixed_precision);
  EXPECT_EQ(plan.result.prefetch_factor, 4);
  EXPECT_THAT(plan.notes, Contains(Field(&Text::en, HasSubstr("no GPU is known"))));
}

TEST(Planner, BasicModeDoublesPastItsFloorAndStopsThere) {
  const Plan plan = make_plan(config("batch_size: 24\nbase_channels: 48\nnum_workers: 1"), without_card(4));
  EXPECT_EQ(plan.result.batch_size, 48);
  EXPECT_EQ(plan.result.base_channels, 96);
  EXPECT_EQ(plan.result.num_workers, 4);
  const Plan large = make_plan(config("batch_size: 32\nbase_channels: 64"), without_card());
  EXPECT_EQ(large.result.batch_size, 32);
  EXPECT_EQ(large.result.base_channels, 64);
}

std::vector<Machine> machines() {
  std::vector<Machine> all{without_card(2), without_card()};
  for (const std::string& name : known_cards()) all.push_back(with_card(find_card(name)));
  for (const double gib : {2.0, 6.0, 10.0, 32.0, 48.0, 200.0}) all.push_back(with_card(card_of_memory(gib), 4, 2));
  return all;
}

const std::vector<std::string> kConfigs = {kGuide,
                                           "lr: 1e-4\n",
                                           "scale_factor: 3\npatch_size: 96\n",
                                           "scale_factor: 8\npatch_size: 64\n",
                                           "scale_factor: 1\n",
                                           "base_channels: 256\nnum_blocks: 32\npatch_size: 384\nbatch_size: 33\n",
                                           "batch_size: 1000\nnum_workers: 500\n",
                                           "pin_memory: no\r\nbatch_size: '4' # x\r\n"};

TEST(Planner, APlannedConfigIsLeftAsItIs) {
  for (const Machine& machine : machines()) {
    for (const std::string& text : kConfigs) {
      const ConfigFile first = config(text);
      const std::string planned = planned_text(first, make_plan(first, machine));
      const Plan again = make_plan(config(planned), machine);
      EXPECT_THAT(again.changes, IsEmpty()) << text << (again.changes.empty() ? "" : again.changes[0].key);
    }
  }
}

TEST(Planner, WhatItWritesIsWhatItPlannedAndCanBeTrained) {
  for (const Machine& machine : machines()) {
    for (const std::string& text : kConfigs) {
      const ConfigFile first = config(text);
      const Plan plan = make_plan(first, machine);
      const ConfigFile written = config(planned_text(first, plan));
      EXPECT_EQ(to_yaml(written.values), to_yaml(plan.result)) << text;
      EXPECT_NO_THROW(check_combinations(written.values, "c.yaml")) << text;
    }
  }
}

TEST(Planner, TheGuidesLightConfigBecomesTheGuidesOptimizedOne) {
  const ConfigFile light =
      read_config(fs::path(WRING_SOURCE_DIR) / "configs/lightweight_config.yaml", UnknownKeys::reject);
  const Plan plan = make_plan(light, with_card(find_card("4070")), guides_way());
  const ConfigFile balanced = config(planned_text(light, plan));
  EXPECT_EQ(balanced.values.batch_size, 32);
  EXPECT_EQ(balanced.values.base_channels, 96);
  EXPECT_EQ(balanced.values.num_blocks, 8);
  EXPECT_EQ(balanced.values.num_workers, 8);
  EXPECT_EQ(balanced.values.patch_size, 192);
  EXPECT_TRUE(balanced.values.use_perceptual);
  EXPECT_TRUE(balanced.values.pin_memory);
}

TEST(Planner, ForeignKeysAndCommentsSurvive) {
  const ConfigFile first = config(kGuide);
  const std::string planned = planned_text(first, make_plan(first, with_card(find_card("4090"))));
  EXPECT_THAT(planned, HasSubstr("base_channels: 128   # small\n"));
  EXPECT_THAT(planned, HasSubstr("my_key: [kept, 'as', is]\n"));
}

TEST(Planner, AValueThatCannotBeEditedIsNamed) {
  const ConfigFile first = config("a: 1\nbatch_size: &x 4\n");
  try {
    planned_text(first, make_plan(first, without_card()));
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_THAT(error.message().en, HasSubstr("c.yaml:2: batch_size"));
  }
}

TEST(OptimizedPath, FollowsTheGuide) {
  EXPECT_EQ(optimized_path("configs/lightweight_config.yaml"), "configs/lightweight_gpu_optimized.yaml");
  EXPECT_EQ(optimized_path("balanced.yaml"), "balanced_gpu_optimized.yaml");
  EXPECT_EQ(optimized_path("/a/b.c/x_config_config.yaml"), "/a/b.c/x_config_gpu_optimized.yaml");
  EXPECT_EQ(optimized_path("d/_config.yaml"), "d/_config_gpu_optimized.yaml");
  EXPECT_EQ(optimized_path("d/x.yml"), "d/x_gpu_optimized.yml");
  EXPECT_EQ(optimized_path("d/plain"), "d/plain_gpu_optimized.yaml");
}

TEST(WritePlan, MayOverwriteItsInput) {
  const fs::path path = fs::path(testing::TempDir()) / ("wring_plan_" + std::to_string(::getpid()) + ".yaml");
  write_file_atomically(path, kGuide);
  const ConfigFile file = read_config(path, UnknownKeys::ignore);
  const Plan plan = make_plan(file, with_card(find_card("4080")));
  write_plan(file, plan, path);
  EXPECT_EQ(to_yaml(read_config(path, UnknownKeys::ignore).values), to_yaml(plan.result));
  fs::remove(path);
}

}  // namespace
}  // namespace wring

#include "config_test_support.h"
#include "wring/config/reader.h"

namespace wring {
namespace {
using testing::AllOf;
using testing::HasSubstr;

std::string refusal(const std::function<void(TrainConfig&)>& change) {
  TrainConfig config;
  change(config);
  return error_of([&] { check_combinations(config, "c.yaml"); });
}

TEST(Combinations, TheDefaultsWorkTogether) {
  EXPECT_EQ(refusal([](TrainConfig&) {}), "");
}

TEST(Combinations, ThePatchMustBeAMultipleOfTheScale) {
  EXPECT_THAT(refusal([](TrainConfig& c) { c.scale_factor = 3; }),
              AllOf(HasSubstr("c.yaml: patch_size 128 is not a multiple of scale_factor 3"), HasSubstr("126 or 129")));
  EXPECT_EQ(refusal([](TrainConfig& c) {
              c.scale_factor = 3;
              c.patch_size = 126;
            }),
            "");
}

TEST(Combinations, ThePatchMustLeaveEnoughLowResolutionPixels) {
  const auto patch = [](std::int64_t pixels) {
    return [pixels](TrainConfig& c) {
      c.scale_factor = 8;
      c.patch_size = pixels;
    };
  };
  EXPECT_THAT(refusal(patch(56)), AllOf(HasSubstr("only 7 low-resolution pixels"), HasSubstr("patch_size: 64")));
  EXPECT_EQ(refusal(patch(64)), "");
}

TEST(Combinations, ThePerceptualLossNeedsRoomForItsFeatures) {
  EXPECT_THAT(refusal([](TrainConfig& c) {
                c.scale_factor = 1;
                c.patch_size = 8;
                c.use_perceptual = true;
              }),
              HasSubstr("use_perceptual needs patches of 16"));
}

TEST(Combinations, TheWarmUpEndsBeforeTheRun) {
  EXPECT_THAT(refusal([](TrainConfig& c) { c.warmup_iters = c.total_iters; }), HasSubstr("warmup_iters 100000"));
  EXPECT_EQ(refusal([](TrainConfig& c) { c.warmup_iters = c.total_iters - 1; }), "");
}

TEST(Combinations, TheCosineScheduleFalls) {
  EXPECT_THAT(refusal([](TrainConfig& c) { c.eta_min = 1e-3; }), HasSubstr("eta_min 0.001 is above lr 0.0002"));
  EXPECT_EQ(refusal([](TrainConfig& c) {
              c.eta_min = 1e-3;
              c.scheduler = "constant";
            }),
            "");
}

TEST(Combinations, MultistepNeedsMilestonesWithinTheRun) {
  const auto multistep = [](std::vector<std::int64_t> milestones) {
    return [milestones](TrainConfig& c) {
      c.scheduler = "multistep";
      c.milestones = milestones;
      c.total_iters = 300;
    };
  };
  EXPECT_THAT(refusal(multistep({})), AllOf(HasSubstr("no milestones"), HasSubstr("[200]")));
  EXPECT_THAT(refusal(multistep({100, 300})), HasSubstr("milestone 300 is not below total_iters 300"));
  EXPECT_EQ(refusal(multistep({100, 299})), "");
}

TEST(Combinations, AValueOfSetIsBlamedAndNotTheFile) {
  const auto refusal_of = [](const std::function<void(TrainConfig&)>& change, const std::vector<std::string>& given) {
    TrainConfig config;
    change(config);
    return error_of([&] { check_combinations(config, "c.yaml", given); });
  };
  const auto patch = [](TrainConfig& c) { c.patch_size = 127; };
  EXPECT_THAT(refusal_of(patch, {"patch_size=127"}),
              testing::StartsWith("--set patch_size=127: patch_size 127 is not"));
  EXPECT_THAT(refusal_of(patch, {"scale_factor=4", "lr=1", "patch_size=120", "patch_size=127"}),
              testing::StartsWith("--set patch_size=127 scale_factor=4: "));
  EXPECT_THAT(refusal_of(patch, {"lr=1"}), testing::StartsWith("c.yaml: patch_size 127"));
  EXPECT_THAT(refusal_of([](TrainConfig& c) { c.lr = 1e-8; }, {"lr=1e-8"}),
              testing::StartsWith("--set lr=1e-8: eta_min 1.0e-07 is above lr 1.0e-08"));
  EXPECT_THAT(refusal_of([](TrainConfig& c) { c.experiment_name = "a/b"; }, {"experiment_name=a/b"}),
              testing::StartsWith("--set experiment_name=a/b: "));
  EXPECT_THAT(refusal_of([](TrainConfig& c) { c.scheduler = "multistep"; }, {"scheduler=multistep"}),
              testing::StartsWith("--set scheduler=multistep: scheduler multistep has no milestones"));
}

TEST(Combinations, PrefetchWithoutWorkersIsHarmless) {
  EXPECT_EQ(refusal([](TrainConfig& c) {
              c.num_workers = 0;
              c.persistent_workers = true;
              c.prefetch_factor = 4;
            }),
            "");
}

}  // namespace
}  // namespace wring

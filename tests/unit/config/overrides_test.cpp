#include "wring/config/overrides.h"

#include "config_test_support.h"
#include "wring/config/reader.h"

namespace wring {
namespace {
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

using Set = std::vector<std::string>;

TrainConfig long_run() {
  TrainConfig config;
  config.total_iters = 100000;
  config.warmup_iters = 1000;
  return config;
}

TEST(Overrides, TakeThePlaceOfTheFilesValues) {
  TrainConfig config = long_run();
  const Overrides done = override_values(config, {"batch_size=8", "total_iters=50000"}, "c.yaml");
  EXPECT_EQ(config.batch_size, 8);
  EXPECT_EQ(config.total_iters, 50000);
  EXPECT_EQ(config.warmup_iters, 1000) << "it has room";
  EXPECT_THAT(done.assignments, ElementsAre("batch_size=8", "total_iters=50000"));
  EXPECT_THAT(done.notes, IsEmpty());
}

TEST(Overrides, AShorterRunShortensAWarmUpThatWouldFillIt) {
  for (const auto& [total, warm_up] : {std::pair{"400", 4}, {"1000", 10}, {"60", 1}, {"2", 1}, {"1", 0}}) {
    TrainConfig config = long_run();
    const Overrides done = override_values(config, {std::string("total_iters=") + total}, "c.yaml");
    EXPECT_EQ(config.warmup_iters, warm_up) << total;
    EXPECT_EQ(done.assignments.back(), "warmup_iters=" + std::to_string(warm_up));
    ASSERT_EQ(done.notes.size(), 1U);
    EXPECT_THAT(done.notes[0].en, StartsWith("warmup_iters: 1000 → " + std::to_string(warm_up)));
  }
}

TEST(Overrides, AShorterRunMovesMilestonesThatLieBeyondIt) {
  TrainConfig config = long_run();
  config.scheduler = "multistep";
  config.milestones = {50000, 80000};
  TrainConfig shorter = config;
  const Overrides done = override_values(shorter, {"total_iters=60000"}, "c.yaml");
  EXPECT_THAT(shorter.milestones, ElementsAre(30000, 48000));
  EXPECT_THAT(done.notes.back().en, HasSubstr("milestones: [50000, 80000] → [30000, 48000]"));
  TrainConfig again = config;
  override_values(again, done.assignments, "c.yaml");
  EXPECT_EQ(again.milestones, shorter.milestones) << "what follows can be given in its turn";

  for (const auto& [total, milestones] :
       {std::pair{"total_iters=90000", Set{"50000", "80000"}}, {"total_iters=3", {"2"}}, {"total_iters=2", {"1"}}}) {
    TrainConfig other = config;
    override_values(other, {total}, "c.yaml");
    Set found;
    for (const std::int64_t step : other.milestones) found.push_back(std::to_string(step));
    EXPECT_EQ(found, milestones) << total;
  }
  override_values(config, {"total_iters=1"}, "c.yaml");
  EXPECT_EQ(config.scheduler, "constant");
}

TEST(Overrides, WhatIsGivenIsNotChangedButRefused) {
  const auto refusal = [](
                           const Set& set, const std::function<void(TrainConfig&)>& change = [](TrainConfig&) {}) {
    TrainConfig config = long_run();
    change(config);
    return error_of([&] { override_values(config, set, "c.yaml"); });
  };
  EXPECT_THAT(refusal({"total_iters=400", "warmup_iters=500"}),
              StartsWith("--set warmup_iters=500 total_iters=400: warmup_iters 500 is not below total_iters 400"));
  EXPECT_THAT(refusal({"warmup_iters=100000"}), StartsWith("--set warmup_iters=100000: "));
  EXPECT_THAT(refusal({"total_iters=100", "scheduler=multistep", "milestones=50,200"}),
              StartsWith("--set milestones=50,200 total_iters=100 scheduler=multistep: milestone 200"));
  EXPECT_THAT(refusal({"batch_size=none"}), StartsWith("--set batch_size=none: "));
  // A file that was wrong before is not mended.
  EXPECT_THAT(refusal({"total_iters=400"}, [](TrainConfig& c) { c.warmup_iters = 200000; }),
              HasSubstr("warmup_iters 200000 is not below"));
  EXPECT_THAT(refusal({"lr=1e-3"}, [](TrainConfig& c) { c.warmup_iters = 200000; }), StartsWith("c.yaml: "));
}

}  // namespace
}  // namespace wring

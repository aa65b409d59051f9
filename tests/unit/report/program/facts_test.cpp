// What is said of one process: figures with their places, and nothing that was not seen.
#include "wring/report/program/facts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace wring {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::Each;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

Observation seen() {
  Observation one;
  one.process.cwd = "/data/u";
  one.process.device = "cuda:0";
  one.process.device_name = "NVIDIA H200";
  one.steps.n = 50;
  one.steps.step_ms = {.median = 12.1, .mad = 0.2, .p95 = 13, .n = 50};
  one.steps.mean_ms = 12.5;
  one.steps.loader_wait_ms = 10;
  one.steps.samples_per_step = 64;
  ObservedLoader loader;
  loader.place = {"/data/u/src/train.py", 31};
  loader.dataset = "Photos";
  loader.wait_ms = 10;
  one.loaders.push_back(loader);
  return one;
}

std::vector<std::string> facts(const Observation& one, Language language = Language::en) {
  std::vector<std::string> lines;
  for (const Text& line : observed_facts(one)) lines.push_back(line.in(language));
  return lines;
}

TEST(ObservedFacts, TellStepWaitAndSpeed) {
  EXPECT_THAT(facts(seen()), Contains(HasSubstr("NVIDIA H200 (cuda:0)")));
  EXPECT_THAT(
      facts(seen()),
      Contains("step: mean 12.5 ms, median 12.1 ms (half of the steps within ± 0.20 ms of it), 95 % below 13.0 ms; "
               "50 steps"));
  EXPECT_THAT(facts(seen()), Contains("waits for the DataLoader: 10.0 ms of each step, 80 %"));
  EXPECT_THAT(facts(seen()), Contains("speed: 5120 samples/s, 64 samples a step"));
  EXPECT_THAT(facts(seen(), Language::zh), Contains("等待 DataLoader：每步 10.0 ms（80%）"));
}

TEST(ObservedFacts, ARankIsNamedOnlyWhereThereAreSeveral) {
  Observation one = seen();
  EXPECT_THAT(facts(one).front(), Not(HasSubstr("rank")));
  one.process.rank = 1;
  one.process.world_size = 2;
  EXPECT_THAT(facts(one).front(), HasSubstr("rank 1 of 2: NVIDIA H200 (cuda:0), "));
  EXPECT_THAT(facts(one, Language::zh).front(), HasSubstr("rank 1（共 2 个）：NVIDIA H200 (cuda:0)，"));
}

TEST(ObservedFacts, OfSeveralOptimisersTheOneWhoseStepsCountIsNamed) {
  Observation one = seen();
  one.optimizers.resize(1);
  one.optimizers[0].counted = true;
  one.optimizers[0].type = "Adam";
  EXPECT_THAT(facts(one), Not(Contains(HasSubstr("what is called a step here")))) << "there is no other";
  one.optimizers.resize(2);
  one.optimizers[1].type = "SGD";
  EXPECT_THAT(facts(one), Contains(AllOf(HasSubstr("Adam"), HasSubstr("its steps are what is called a step here"))));
  EXPECT_THAT(facts(one), Contains(AllOf(HasSubstr("SGD"), Not(HasSubstr("what is called a step here")))));
  EXPECT_THAT(facts(one, Language::zh), Contains(AllOf(HasSubstr("Adam"), HasSubstr("此处的“步”指它的 step"))));
}

TEST(ObservedFacts, APlaceIsBelowTheFolderOfTheProgram) {
  const ObservedProcess process = seen().process;
  EXPECT_EQ(place_text({"/data/u/src/train.py", 31}, process), "src/train.py:31");
  EXPECT_EQ(place_text({"/data/lib/a.py", 3}, process), "/data/lib/a.py:3");
  EXPECT_EQ(place_text({"train.py", 3}, process), "train.py:3");
  EXPECT_EQ(place_text({"", 0}, process), "");
  EXPECT_THAT(facts(seen()), Contains(HasSubstr("src/train.py:31  DataLoader(Photos, num_workers=0, pin_memory=False, "
                                                "persistent_workers=False): 10.0 ms a step")));
}

TEST(ObservedFacts, AnOptimisersImplementationIsToldAsItWasChosen) {
  Observation one = seen();
  one.optimizers.resize(4);
  one.optimizers[0].fused = true;
  one.optimizers[1].foreach_ = true;
  one.optimizers[2].foreach_ = false;
  const auto lines = facts(one);
  EXPECT_THAT(lines, Contains(HasSubstr(", fused: ")));
  EXPECT_THAT(lines, Contains(HasSubstr(", foreach: ")));
  EXPECT_THAT(lines, Contains(HasSubstr(", one tensor after the other: ")));
  EXPECT_THAT(lines, Contains(HasSubstr(", default implementation (foreach on a GPU): ")));
}

TEST(ObservedFacts, TheCardIsOneLineOfWhatTheDriverTells) {
  Observation one = seen();
  ObservedCard& card = one.card.emplace();
  card.sm_activity = 61;
  card.power_w = 512.4;
  EXPECT_THAT(facts(one), Contains("its card in these steps: SM activity 61 %, power 512 W"));
  EXPECT_THAT(facts(one, Language::zh), Contains("这些步中的显卡：SM活跃度 61 %，功耗 512 W"));
}

TEST(ObservedFacts, WhatWasNotSeenIsNotSaid) {
  Observation one = seen();
  one.steps = {};
  const auto lines = facts(one);
  EXPECT_THAT(lines, Contains("no steps were measured"));
  for (const char* part : {"samples/s", "memory:", "layout:", "its card", "profile", "measuring"})
    EXPECT_THAT(lines, Each(Not(HasSubstr(part))));
}

TEST(ObservedFacts, WithoutTheAgentNothingIsToldThatOnlyItSees) {
  Observation one = seen();
  one.without_agent = one.loads_in_step = true;
  one.loaders.clear();
  one.optimizers.resize(1);
  one.optimizers[0].type = "AdamW";
  one.optimizers[0].steps = 50;
  const std::vector<std::string> lines = facts(one);
  EXPECT_EQ(lines[0], "NVIDIA H200, seen without the agent, process 0");
  EXPECT_THAT(lines, Contains(HasSubstr("ran under torch's profiler")));
  EXPECT_THAT(lines, Contains("optimiser: AdamW, 50 steps"));
  EXPECT_THAT(lines, Contains(HasSubstr("DataLoader without workers")));
  for (const char* unknown :
       {"precision:", "torch.compile", "what measuring cost", "tensors,", "torch ,", "no DataLoader"}) {
    EXPECT_THAT(lines, Each(Not(HasSubstr(unknown)))) << unknown;
  }
  EXPECT_THAT(facts(one, Language::zh)[0], HasSubstr("未使用探针"));
  one.process.world_size = 2;
  EXPECT_THAT(facts(one)[0], StartsWith("rank 0 of 2: "));
  one.process.device = one.process.device_name = "";
  EXPECT_THAT(facts(one)[0], HasSubstr("device unknown"));
}

}  // namespace
}  // namespace wring

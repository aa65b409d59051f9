// What is said of one process: figures with their places, and nothing that was not seen.
#include "wring/report/program/facts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace wring {
namespace {

using testing::Contains;
using testing::Each;
using testing::HasSubstr;
using testing::Not;

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
      Contains("step: mean 12.5 ms; median 12.1 ms ± 0.20 (half of the steps), 95 % below 13.0 ms, of 50 steps"));
  EXPECT_THAT(facts(seen()), Contains("waits for the loader: 10.0 ms a step, 80 % of the mean"));
  EXPECT_THAT(facts(seen()), Contains("speed: 5120 samples/s, 64.0 samples a step"));
  EXPECT_THAT(facts(seen(), Language::zh), Contains("等待数据加载：每步 10.0 ms，占 80%"));
}

TEST(ObservedFacts, APlaceIsBelowTheFolderOfTheProgram) {
  const ObservedProcess process = seen().process;
  EXPECT_EQ(place_text({"/data/u/src/train.py", 31}, process), "src/train.py:31");
  EXPECT_EQ(place_text({"/data/lib/a.py", 3}, process), "/data/lib/a.py:3");
  EXPECT_EQ(place_text({"train.py", 3}, process), "train.py:3");
  EXPECT_EQ(place_text({"", 0}, process), "");
  EXPECT_THAT(facts(seen()), Contains(HasSubstr("src/train.py:31  DataLoader of Photos: batch_size –, num_workers 0")));
}

TEST(ObservedFacts, AnOptimisersImplementationIsToldAsItWasChosen) {
  Observation one = seen();
  one.optimizers.resize(4);
  one.optimizers[0].fused = true;
  one.optimizers[1].foreach_ = true;
  one.optimizers[2].foreach_ = false;
  const auto lines = facts(one);
  EXPECT_THAT(lines, Contains(HasSubstr("elements, fused, ")));
  EXPECT_THAT(lines, Contains(HasSubstr("elements, foreach, ")));
  EXPECT_THAT(lines, Contains(HasSubstr("elements, single-tensor, ")));
  EXPECT_THAT(lines, Contains(HasSubstr("torch's choice of implementation")));
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
  for (const char* part : {"samples/s", "memory:", "layout:", "its card", "no trace", "hooks"})
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
  EXPECT_EQ(lines[0], "rank 0 of 1, pid 0: NVIDIA H200, seen without the agent");
  EXPECT_THAT(lines, Contains(HasSubstr("ran under torch's profiler")));
  EXPECT_THAT(lines, Contains("optimiser: AdamW, 50 steps"));
  EXPECT_THAT(lines, Contains(HasSubstr("DataLoader without workers")));
  for (const char* unknown : {"precision:", "compiled modules", "hooks", "tensors,", "torch ,"}) {
    EXPECT_THAT(lines, Each(Not(HasSubstr(unknown)))) << unknown;
  }
  EXPECT_THAT(facts(one, Language::zh)[0], HasSubstr("未使用探针"));
  one.process.device = one.process.device_name = "";
  EXPECT_THAT(facts(one)[0], HasSubstr("device unknown"));
}

}  // namespace
}  // namespace wring

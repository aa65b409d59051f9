// What traces alone tell of a process, and what they leave open.
#include "wring/kineto/told_by_trace.h"

#include <gtest/gtest.h>

#include "fixtures/temporary_folder.h"
#include "unit/trace/planted_trace.h"

namespace wring::kineto {
namespace {

using testing_support::TemporaryFolder;

// Steps of 10 ms, of which 4 are a wait for the batch; the last, in which the profiler stops, takes 90.
Trace ranges(int steps, const std::string& loader = "enumerate(DataLoader)#_SingleProcessDataLoaderIter.__next__") {
  PlantedTrace planted;
  for (int i = 0; i < steps + 2; ++i) {
    const double at = 10'000.0 * i + (i == steps + 1 ? 80'000 : 0);
    planted.annotation(loader, at + 1000, 4000).annotation("Optimizer.step#AdamW.step", at + 9000, 500);
  }
  return planted.trace();
}

TEST(ToldByTrace, StepsAreThoseBetweenTheOptimisersEnds) {
  const Observation seen = observe_steps(ranges(40));
  EXPECT_TRUE(seen.without_agent);
  EXPECT_EQ(seen.steps.n, 40);
  EXPECT_NEAR(seen.steps.mean_ms, 10, 1e-9);
  EXPECT_NEAR(seen.steps.step_ms.median, 10, 1e-9);
  EXPECT_NEAR(seen.steps.step_ms.p95, 10, 1e-9);
  EXPECT_NEAR(seen.steps.loader_wait_ms, 4, 1e-9);
  EXPECT_NEAR(seen.steps.batches_per_step, 1, 1e-9);
  EXPECT_FALSE(seen.steps.samples_per_step);
}

TEST(ToldByTrace, TheOptimisersClassIsKnownAndItsPlaceIsNot) {
  const Observation seen = observe_steps(ranges(3));
  ASSERT_EQ(seen.optimizers.size(), 1U);
  EXPECT_EQ(seen.optimizers[0].type, "AdamW");
  EXPECT_TRUE(seen.optimizers[0].counted);
  EXPECT_EQ(seen.optimizers[0].place.file, "");
  EXPECT_FALSE(seen.optimizers[0].fused);
  EXPECT_TRUE(seen.loaders.empty());
}

TEST(ToldByTrace, ALoaderWithoutWorkersIsKnownByItsRange) {
  EXPECT_TRUE(observe_steps(ranges(3)).loads_in_step);
  EXPECT_FALSE(observe_steps(ranges(3, "enumerate(DataLoader)#_MultiProcessingDataLoaderIter.__next__")).loads_in_step);
  EXPECT_FALSE(observe_steps(ranges(3, "another range")).loads_in_step);
}

TEST(ToldByTrace, WithoutAnOptimiserThereAreNoSteps) {
  const Observation seen = observe_steps(PlantedTrace().loader(0, 5).trace());
  EXPECT_EQ(seen.steps.n, 0);
  EXPECT_TRUE(seen.optimizers.empty());
}

class ToldByProfile : public testing::Test {
 protected:
  // Of two optimiser steps with this within.
  Observation with(const std::string& op, bool kernel) {
    PlantedTrace planted;
    for (int i = 0; i < 4; ++i) {
      const double at = 1000.0 * i;
      planted.annotation("Optimizer.step#SGD.step", at + 500, 100).op(op, at + 510, 20);
      if (kernel) planted.kernel(at + 515, {at + 520, 10});
    }
    Observation seen = observe_steps(planted.trace());
    add_profile(seen, planted.trace(), path_);
    return seen;
  }
  TemporaryFolder folder_;
  std::filesystem::path path_ = folder_.write("profile.json", R"({"schemaVersion": 1,
    "deviceProperties": [{"id": 0, "name": "NVIDIA H200"}, {"id": 1, "name": "NVIDIA H200"}], "traceEvents": []})");
};

TEST_F(ToldByProfile, TellsWhereTheModelComputes) {
  const Observation gpu = with("aten::add_", true);
  EXPECT_EQ(gpu.process.device, "cuda");
  EXPECT_EQ(gpu.process.device_name, "NVIDIA H200");
  ASSERT_TRUE(gpu.trace);
  EXPECT_EQ(gpu.trace->steps, 2);
  EXPECT_EQ(gpu.trace->path, path_);
  const Observation cpu = with("aten::add_", false);
  EXPECT_EQ(cpu.process.device, "cpu");
  EXPECT_EQ(cpu.process.device_name, "");
}

TEST_F(ToldByProfile, SeesAFusedOptimiserAndACompiledModel) {
  EXPECT_EQ(with("aten::_fused_sgd_", true).optimizers[0].fused, true);
  EXPECT_FALSE(with("aten::_fused_sdp_choice", true).optimizers[0].fused) << "attention, not the optimiser";
  EXPECT_EQ(with("Torch-Compiled Region: 0/0", true).compiled_modules, 1);
  EXPECT_EQ(with("aten::add_", true).compiled_modules, 0);
}

TEST_F(ToldByProfile, CardsOfSeveralKindsAreNotNamed) {
  const auto name = [&](const std::string& head) { return device_name_in(folder_.write("head.json", head)); };
  EXPECT_EQ(name(R"({"deviceProperties": [{"name": "A"}, {"name": "B"}]})"), "");
  EXPECT_EQ(name(R"({"deviceProperties": [{"name": "A"}, 5]})"), "");
  EXPECT_EQ(name(R"({"deviceProperties": [{"name": "A)"), "");
  EXPECT_EQ(name(R"({"deviceProperties": []})"), "");
  EXPECT_EQ(device_name_in(folder_.path() / "none"), "");
}

}  // namespace
}  // namespace wring::kineto

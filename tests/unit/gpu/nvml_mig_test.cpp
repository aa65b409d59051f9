#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fixtures/fake_nvml.h"

namespace wring {
namespace {

using namespace testing_support;

TEST(Mig, InstancesAreCardsOfTheirOwnBehindTheirParent) {
  FakeNvml nvml;
  const auto telemetry = nvml.open_file("mig");
  ASSERT_EQ(telemetry->gpus().size(), 3u);
  const Gpu& parent = telemetry->gpus()[0];
  const Gpu& instance = telemetry->gpus()[1];
  EXPECT_EQ(parent.mig_parent, "");
  EXPECT_EQ(instance.mig_parent, parent.uuid);
  EXPECT_EQ(instance.uuid, "MIG-aaaa0000-0000-5000-8000-000000000001");
  EXPECT_EQ(instance.name, "NVIDIA H100 80GB HBM3 MIG 3g.40gb");
  EXPECT_EQ(instance.index, parent.index);
  EXPECT_EQ(instance.memory_total_mib, 40448);
}

TEST(Mig, EachInstanceHasItsOwnMemoryAndActivity) {
  FakeNvml nvml;
  const auto telemetry = nvml.open_file("mig");
  for (std::size_t gpu = 0; gpu < 3; ++gpu) telemetry->sample(gpu);
  nvml.at(1);
  const GpuSample parent = telemetry->sample(0);
  EXPECT_EQ(parent[Metric::power].optional(), 250);
  EXPECT_EQ(parent[Metric::gpu_util].state, Reading::State::not_supported);
  const GpuSample first = telemetry->sample(1);
  EXPECT_EQ(first[Metric::sm_activity].optional(), 77);
  EXPECT_EQ(first[Metric::tensor_activity].optional(), 33);
  EXPECT_EQ(first[Metric::memory_used].optional(), 18000);
  EXPECT_EQ(first[Metric::power].state, Reading::State::not_supported);
  EXPECT_FALSE(first.problem);
  EXPECT_EQ(telemetry->sample(2)[Metric::sm_activity].optional(), 5);
}

TEST(Mig, WhyThereIsNoGpuUtilIsKnown) {
  FakeNvml nvml;
  const auto telemetry = nvml.open_file("mig");
  EXPECT_THAT(telemetry->gpus()[0].no_util.value().what.en, testing::HasSubstr("MIG is on"));
  EXPECT_THAT(telemetry->gpus()[1].no_util.value().what.en, testing::HasSubstr("a MIG instance has no GPU-Util"));
}

TEST(Mig, AWholeCardHasItsGpuUtil) {
  FakeNvml nvml;
  EXPECT_FALSE(nvml.open_file("two_h200s")->gpus()[0].no_util);
}

TEST(Mig, AnInstanceCanBeChosenAlone) {
  FakeNvml nvml;
  TelemetryOptions options;
  options.gpus = {"MIG-bbbb"};
  const auto telemetry = nvml.open_file("mig", options);
  ASSERT_EQ(telemetry->gpus().size(), 1u);
  telemetry->sample(0);
  nvml.at(1);
  EXPECT_EQ(telemetry->sample(0)[Metric::sm_activity].optional(), 5) << "GPM still asks the parent";
}

}  // namespace
}  // namespace wring

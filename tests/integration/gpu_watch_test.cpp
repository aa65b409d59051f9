#include "wring_train/train/gpu_watch.h"

#include <chrono>
#include <functional>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace wring {
namespace {
using testing::Contains;
using testing::Key;
using testing::Not;
using testing::Pair;

// A card that always says the same.
class SteadyCard : public Telemetry {
 public:
  SteadyCard() {
    Gpu gpu;
    gpu.uuid = "GPU-1";
    gpu.name = "Test card";
    gpus_.push_back(gpu);
  }
  const std::vector<Gpu>& gpus() const override { return gpus_; }
  GpuSample sample(std::size_t) override {
    GpuSample sample;
    sample.time_s = steady_seconds();
    sample[Metric::gpu_util] = Reading::of(97);
    sample[Metric::power] = Reading::failed(999);
    return sample;
  }
  GpuSource source() const override { return GpuSource::nvml; }
  const std::vector<GpuProblem>& problems() const override { return problems_; }
  const std::string& driver_version() const override { return version_; }

 private:
  std::vector<Gpu> gpus_;
  std::vector<GpuProblem> problems_;
  std::string version_;
};

void wait_for(const std::function<bool()>& holds) {
  for (int i = 0; i < 500 && !holds(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
}

TEST(GpuWatch, GivesTheNewestReadingsUnderTheirCatalogueNames) {
  const GpuWatch watch(std::make_shared<SteadyCard>(), 0.02);
  wait_for([&] { return watch.latest(Metric::gpu_util).has_value(); });
  EXPECT_EQ(watch.latest(Metric::gpu_util), 97);
  EXPECT_THAT(watch.latest_metrics(), Contains(Pair("gpu_util", 97)));
}

TEST(GpuWatch, LeavesOutWhatCouldNotBeRead) {
  const GpuWatch watch(std::make_shared<SteadyCard>(), 0.02);
  wait_for([&] { return watch.latest(Metric::gpu_util).has_value(); });
  EXPECT_EQ(watch.latest(Metric::power), std::nullopt);
  EXPECT_THAT(watch.latest_metrics(), Not(Contains(Key("power_w"))));
}

TEST(GpuWatch, SummarisesTheRunSoFar) {
  const GpuWatch watch(std::make_shared<SteadyCard>(), 0.02);
  wait_for([&] { return watch.summary()->mean(Metric::gpu_util).has_value(); });
  EXPECT_EQ(watch.summary()->mean(Metric::gpu_util), 97);
}

TEST(GpuWatch, WithoutACardSaysNothing) {
  const GpuWatch watch(nullptr);
  EXPECT_FALSE(watch.latest(Metric::gpu_util));
  EXPECT_TRUE(watch.latest_metrics().empty());
  EXPECT_FALSE(watch.summary());
}

}  // namespace
}  // namespace wring

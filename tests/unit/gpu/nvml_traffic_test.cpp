// What GPM, the PCIe and NVLink counters, and recorded runs tell.
#include <gtest/gtest.h>

#include "fixtures/fake_nvml.h"

namespace wring {
namespace {

using namespace testing_support;

const std::string kCard = "card\nuuid GPU-a\ngpu_util 100\n";
const std::string kGpm =
    "gpm_2 96.5\ngpm_3 14.25\ngpm_5 93.4\ngpm_10 17.5\ngpm_11 1\ngpm_12 2\ngpm_13 3\n"
    "gpm_20 100\ngpm_21 56500\ngpm_60 10\ngpm_61 20\n";

TEST(Gpm, ValuesComeWithTheSecondSampleAndKeepTheirDirections) {
  FakeNvml nvml;
  const auto telemetry = nvml.open(kCard + kGpm);
  const GpuSample first = telemetry->sample(0);
  EXPECT_EQ(first[Metric::sm_activity].state, Reading::State::error);
  EXPECT_EQ(first[Metric::sm_activity].code, Reading::kNoData) << "one sample has no window";
  nvml.at(1);
  const GpuSample second = telemetry->sample(0);
  const std::pair<Metric, double> expected[] = {
      {Metric::sm_activity, 96.5},   {Metric::sm_occupancy, 14.25}, {Metric::tensor_activity, 93.4},
      {Metric::dram_activity, 17.5}, {Metric::fp64_activity, 1},    {Metric::fp32_activity, 2},
      {Metric::fp16_activity, 3},    {Metric::pcie_tx, 100},        {Metric::pcie_rx, 56500},
      {Metric::nvlink_rx, 10},       {Metric::nvlink_tx, 20}};
  for (const auto& [metric, value] : expected) EXPECT_EQ(second[metric].optional(), value) << metric_row(metric).key;
}

TEST(Gpm, TicksThatComeTooSoonGetTheValuesOfTheLastWindow) {
  FakeNvml nvml;
  const auto telemetry = nvml.open(kCard + kGpm + "tick 1020\ngpm_2 50\n");
  telemetry->sample(0);
  nvml.at(1);
  EXPECT_EQ(telemetry->sample(0)[Metric::sm_activity].optional(), 96.5);
  nvml.at(1.03);
  EXPECT_EQ(telemetry->sample(0)[Metric::sm_activity].optional(), 96.5) << "30 ms are no window";
  nvml.at(1.1);
  EXPECT_EQ(telemetry->sample(0)[Metric::sm_activity].optional(), 50);
  nvml.at(1.199);
  EXPECT_EQ(telemetry->sample(0)[Metric::sm_activity].optional(), 50) << "a tick of 100 ms that came after 99";
}

TEST(Gpm, ACardWithoutItSaysNotSupported) {
  for (const char* variant : {"current", "no_gpm"}) {
    FakeNvml nvml(variant);
    const auto telemetry = nvml.open(kCard + (variant == std::string("no_gpm") ? kGpm : ""));
    for (int tick = 0; tick < 3; ++tick) {
      nvml.at(tick);
      EXPECT_EQ(telemetry->sample(0)[Metric::tensor_activity].state, Reading::State::not_supported) << variant;
    }
  }
}

TEST(Gpm, ItIsNotAskedWhereNobodyWantsIt) {
  FakeNvml nvml;
  TelemetryOptions options;
  options.activity = false;
  const auto telemetry = nvml.open(kCard + kGpm, options);
  telemetry->sample(0);
  nvml.at(1);
  EXPECT_EQ(telemetry->sample(0)[Metric::sm_activity].state, Reading::State::not_supported);
}

TEST(Gpm, AUnitThatCountedNothingHasNoValueAndAFailedOneItsCode) {
  FakeNvml nvml;
  const auto telemetry = nvml.open(kCard + "gpm_2 nan\ngpm_3 error 999\ngpm_5 100.4\ngpm_10 400\n");
  telemetry->sample(0);
  nvml.at(1);
  const GpuSample sample = telemetry->sample(0);
  EXPECT_EQ(sample[Metric::sm_activity].state, Reading::State::not_supported);
  EXPECT_EQ(sample[Metric::sm_occupancy].code, 999);
  EXPECT_EQ(sample[Metric::tensor_activity].optional(), 100) << "rounding of two counters";
  EXPECT_EQ(sample[Metric::dram_activity].code, Reading::kRejected);
  EXPECT_EQ(sample[Metric::fp64_activity].state, Reading::State::not_supported);
}

TEST(Gpm, ASampleThatFailsIsAnErrorAndTheNextOneGoesOn) {
  FakeNvml nvml;
  const auto telemetry =
      nvml.open(kCard + kGpm + "tick 2000\nerror nvmlGpmSampleGet 999\ntick 3000\nerror nvmlGpmSampleGet 0\n");
  telemetry->sample(0);
  nvml.at(1);
  EXPECT_TRUE(telemetry->sample(0)[Metric::sm_activity].ok());
  nvml.at(2);
  EXPECT_EQ(telemetry->sample(0)[Metric::sm_activity].code, 999);
  nvml.at(3);
  EXPECT_EQ(telemetry->sample(0)[Metric::sm_activity].optional(), 96.5);
}

TEST(NvLink, TheExactCountersOfAllLinksComeBeforeGpm) {
  FakeNvml nvml;
  const auto telemetry = nvml.open(kCard + kGpm + "field_138 3 0\nfield_139 3 1024\ntick 1000\nfield_138 3 2048000\n" +
                                   "field_139 3 5121024\n");
  EXPECT_EQ(telemetry->sample(0)[Metric::nvlink_tx].code, Reading::kNoData);
  nvml.at(2);
  const GpuSample sample = telemetry->sample(0);
  EXPECT_EQ(sample[Metric::nvlink_tx].optional(), 1000) << "2000 MiB in two seconds";
  EXPECT_EQ(sample[Metric::nvlink_rx].optional(), 2500);
}

TEST(Pcie, WithoutGpmThe32BitCountersAreReadOverAWindowInWhichTheyCannotComeRoundTwice) {
  FakeNvml nvml("no_gpm");
  const auto telemetry = nvml.open(kCard +
                                   "field_197 1 4294967290\nfield_198 1 77\n"
                                   "field_197_per_s 53687091200\nfield_198_per_s 1048576\n");
  nvml.run();
  int told = 0;
  for (int i = 0; i < 30; ++i) {  // at 50 GiB/s the counter wraps in one window of eight
    const GpuSample sample = telemetry->sample(0);
    if (!sample[Metric::pcie_tx].ok()) continue;  // a busy computer woke us too late
    EXPECT_NEAR(sample[Metric::pcie_tx].value, 51200, 50);
    EXPECT_NEAR(sample[Metric::pcie_rx].value, 1, 0.01);
    ++told;
  }
  EXPECT_GT(told, 0);
}

TEST(Pcie, WithoutGpmAndWithoutPassingTimeThereIsNoRate) {
  FakeNvml nvml("no_gpm");
  const auto telemetry = nvml.open(kCard + "field_197 1 5\n");
  EXPECT_EQ(telemetry->sample(0)[Metric::pcie_tx].code, Reading::kNoData);
}

TEST(Pcie, ADriverWithoutTheCountersSaysNotSupported) {
  FakeNvml nvml("no_gpm");
  const auto telemetry = nvml.open(kCard + "field_197 error 2\n");
  EXPECT_EQ(telemetry->sample(0)[Metric::pcie_tx].state, Reading::State::not_supported);
  EXPECT_EQ(telemetry->sample(0)[Metric::pcie_rx].state, Reading::State::not_supported);
}

// A run on a real H200 (driver 580.159.04), recorded with tools/record_nvml.
TEST(RecordedH200, TellsIdleFromMatrixProductsFromCopies) {
  FakeNvml nvml;
  const auto telemetry = nvml.open_file("h200_recorded");
  ASSERT_EQ(telemetry->gpus().size(), 1u);
  EXPECT_EQ(telemetry->gpus()[0].name, "NVIDIA H200");
  const auto at = [&](double seconds) {
    nvml.at(seconds);
    return telemetry->sample(0);
  };
  at(1);
  const GpuSample idle = at(2);
  EXPECT_EQ(idle[Metric::gpu_util].optional(), 0);
  EXPECT_EQ(idle[Metric::tensor_activity].optional(), 0);
  EXPECT_LT(idle[Metric::power].value, 100);
  EXPECT_EQ(*idle.throttle_reasons & throttle_idle, throttle_idle);
  const GpuSample matmul = at(14);
  EXPECT_GT(matmul[Metric::tensor_activity].value, 90);
  EXPECT_GT(matmul[Metric::power].value, 650);
  EXPECT_EQ(*matmul.throttle_reasons & throttle_power_cap, throttle_power_cap);
  const GpuSample on_card = at(26);
  EXPECT_GT(on_card[Metric::dram_activity].value, 85);
  EXPECT_EQ(on_card[Metric::tensor_activity].optional(), 0);
  const GpuSample from_host = at(35);
  EXPECT_EQ(from_host[Metric::gpu_util].optional(), 100) << "GPU-Util counts copies";
  EXPECT_LT(from_host[Metric::sm_activity].value, 1) << "while the multiprocessors did nothing";
  EXPECT_GT(from_host[Metric::pcie_rx].value, 50000);
  ASSERT_EQ(from_host.processes.size(), 1u);
  EXPECT_GT(from_host[Metric::energy].value, idle[Metric::energy].value);
}

}  // namespace
}  // namespace wring

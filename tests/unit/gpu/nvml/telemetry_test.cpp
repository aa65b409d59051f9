#include <algorithm>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fixtures/fake_nvml.h"
#include "wring/base/error.h"
#include "wring/gpu/nvml/errors.h"
#include "wring/gpu/nvml/library.h"

namespace wring {
namespace {

using namespace testing_support;
using testing::HasSubstr;

const std::string kCard =
    "driver 580.1\n"
    "card\nname NVIDIA H200\nuuid GPU-a\nbus_id 00000000:19:00.0\ncompute_capability 9.0\n"
    "memory_total_mib 143771\nmemory_used_mib 5120\nmemory_reserved_mib 612\n"
    "gpu_util 87\nmemory_util 31\npower_mw 412500\npower_limit_mw 700000\nenergy_mj 5000500\ntemperature 61\n"
    "sm_clock 1755\nmemory_clock 3201\nthrottle 0x4\necc_uncorrected 2\nfield_82 1 58\n";

TEST(NvmlTelemetry, ReadsEverySingleValueInItsUnit) {
  FakeNvml nvml;
  const auto telemetry = nvml.open(kCard);
  EXPECT_EQ(telemetry->source(), GpuSource::nvml);
  EXPECT_EQ(telemetry->driver_version(), "580.1");
  EXPECT_TRUE(telemetry->problems().empty());
  ASSERT_EQ(telemetry->gpus().size(), 1u);
  EXPECT_EQ(telemetry->gpus()[0].name, "NVIDIA H200");
  nvml.at(1.5);
  const GpuSample sample = telemetry->sample(0);
  EXPECT_FALSE(sample.problem);
  EXPECT_EQ(sample.time_s, 1.5);
  const std::pair<Metric, double> expected[] = {
      {Metric::gpu_util, 87},          {Metric::memory_util, 31},      {Metric::memory_used, 5120},
      {Metric::memory_reserved, 612},  {Metric::memory_total, 143771}, {Metric::power, 412.5},
      {Metric::power_limit, 700},      {Metric::energy, 5000.5},       {Metric::temperature, 61},
      {Metric::sm_clock, 1755},        {Metric::memory_clock, 3201},   {Metric::ecc_uncorrected, 2},
      {Metric::memory_temperature, 58}};
  for (const auto& [metric, value] : expected) EXPECT_EQ(sample[metric].optional(), value) << metric_row(metric).key;
  EXPECT_EQ(sample.throttle_reasons, throttle_power_cap);
}

TEST(NvmlTelemetry, ACardThatDoesNotKnowAValueSaysSoAndIsNotAskedAgain) {
  FakeNvml nvml;
  const auto telemetry = nvml.open("card\ngpu_util 5\ntick 1000\ntemperature 44\n");
  EXPECT_EQ(telemetry->sample(0)[Metric::temperature].state, Reading::State::not_supported);
  nvml.at(2);
  EXPECT_EQ(telemetry->sample(0)[Metric::temperature].state, Reading::State::not_supported) << "it was asked again";
  EXPECT_EQ(telemetry->sample(0)[Metric::gpu_util].optional(), 5);
}

TEST(NvmlTelemetry, EveryOtherErrorIsTriedAgain) {
  FakeNvml nvml;
  for (const nvml::ErrorRow& row : nvml::error_rows()) {
    if (nvml::is_permanent(row.code) || nvml::is_gone(row.code)) continue;
    nvml.at(0);
    const auto telemetry = nvml.open(kCard + "error nvmlDeviceGetPowerUsage " + std::to_string(row.code) +
                                     "\ntick 1000\nerror nvmlDeviceGetPowerUsage 0\n");
    const GpuSample failed = telemetry->sample(0);
    EXPECT_EQ(failed[Metric::power].state, Reading::State::error) << row.code;
    EXPECT_EQ(failed[Metric::power].code, row.code);
    EXPECT_EQ(failed[Metric::gpu_util].optional(), 87) << "one failed value must not take the others along";
    EXPECT_FALSE(failed.problem);
    nvml.at(1);
    EXPECT_EQ(telemetry->sample(0)[Metric::power].optional(), 412.5) << row.code;
  }
}

TEST(NvmlTelemetry, SharesAboveAHundredAndAbsurdValuesAreErrorsNotReadings) {
  FakeNvml nvml;
  const auto telemetry =
      nvml.open("card\ngpu_util 4294967295\nmemory_util 101\npower_mw 4000000000\nfield_82 1 4000000\nsm_clock 1000\n");
  const GpuSample sample = telemetry->sample(0);
  for (const Metric metric : {Metric::gpu_util, Metric::memory_util, Metric::power, Metric::memory_temperature}) {
    EXPECT_EQ(sample[metric].state, Reading::State::error) << metric_row(metric).key;
    EXPECT_EQ(sample[metric].code, Reading::kRejected) << metric_row(metric).key;
  }
  EXPECT_EQ(sample[Metric::sm_clock].optional(), 1000);
  EXPECT_FALSE(sample.problem);
}

TEST(NvmlTelemetry, MemoryAboveItsTotalIsAnErrorAndNoReading) {
  FakeNvml nvml;
  const auto telemetry = nvml.open("card\nmemory_total_mib 1000\nmemory_used_mib 2000\nmemory_reserved_mib 1\n");
  const GpuSample sample = telemetry->sample(0);
  EXPECT_EQ(sample[Metric::memory_used].code, Reading::kRejected);
  EXPECT_EQ(sample[Metric::memory_total].optional(), 1000);
  EXPECT_FALSE(telemetry->gpus()[0].memory_used_mib);
}

TEST(NvmlTelemetry, ATotalOfNothingIsAnErrorAndNoReading) {
  FakeNvml nvml;
  const auto telemetry = nvml.open("card\nmemory_total_mib 0\nmemory_used_mib 0\nmemory_reserved_mib 0\n");
  EXPECT_EQ(telemetry->sample(0)[Metric::memory_total].code, Reading::kRejected);
  EXPECT_FALSE(telemetry->gpus()[0].memory_total_mib);
}

TEST(NvmlTelemetry, AValueOfNothingButOnesIsNoReading) {
  FakeNvml nvml;
  const auto telemetry = nvml.open(
      "card\nmemory_total_mib 17592186044415\nmemory_used_mib 17592186044415\nmemory_reserved_mib 0\n"
      "throttle 18446744073709551615\n");
  const GpuSample sample = telemetry->sample(0);
  EXPECT_EQ(sample[Metric::memory_total].code, Reading::kRejected);
  EXPECT_EQ(sample[Metric::memory_used].code, Reading::kRejected);
  EXPECT_FALSE(sample.throttle_reasons);
  EXPECT_FALSE(telemetry->gpus()[0].memory_total_mib);
}

TEST(NvmlTelemetry, ANameThatIsNotUtf8IsCleaned) {
  FakeNvml nvml;
  const auto telemetry = nvml.open("card\nname NVIDIA \xFF H200\n");
  EXPECT_EQ(telemetry->gpus()[0].name, "NVIDIA \\xff H200");
}

TEST(NvmlTelemetry, ALostCardIsAProblemTheOthersContinueAndItMayComeBack) {
  FakeNvml nvml;
  const auto telemetry =
      nvml.open(kCard + "tick 1000\nerror * 15\ntick 2000\nerror * 0\ngpu_util 12\n" +
                "card\nuuid GPU-b\ngpu_util 50\nmemory_total_mib 10\nmemory_used_mib 1\n" + "memory_reserved_mib 1\n");
  ASSERT_EQ(telemetry->gpus().size(), 2u);
  EXPECT_FALSE(telemetry->sample(0).problem);
  nvml.at(1);
  const GpuSample lost = telemetry->sample(0);
  ASSERT_TRUE(lost.problem);
  EXPECT_EQ(lost.problem->code, 15);
  EXPECT_FALSE(lost.problem->cure.zh.empty());
  for (const Reading& reading : lost.values) EXPECT_EQ(reading.code, 15);
  EXPECT_FALSE(lost.throttle_reasons);
  EXPECT_EQ(telemetry->sample(1)[Metric::gpu_util].optional(), 50);
  EXPECT_TRUE(telemetry->sample(0).problem) << "it is still lost";
  nvml.at(2);
  const GpuSample back = telemetry->sample(0);
  EXPECT_FALSE(back.problem);
  EXPECT_EQ(back[Metric::gpu_util].optional(), 12);
}

TEST(NvmlTelemetry, ACardThatIsLostBetweenTwoCallsOfATickIsLostAsAWhole) {
  FakeNvml nvml;
  int lost_in_a_tick = 0;
  for (int calls = 8; calls < 40; ++calls) {
    const auto telemetry = nvml.open(kCard + "gpm_2 1\nlost_after_calls " + std::to_string(calls) + "\n");
    for (int tick = 0; tick < 3; ++tick) {
      nvml.at(tick);
      const GpuSample sample = telemetry->sample(0);
      if (!sample.problem) continue;
      EXPECT_EQ(sample.problem->code, 15);
      EXPECT_TRUE(std::all_of(sample.values.begin(), sample.values.end(), [](const Reading& r) { return !r.ok(); }));
      ++lost_in_a_tick;
      break;
    }
  }
  EXPECT_GT(lost_in_a_tick, 10);
}

TEST(NvmlTelemetry, ACardThatWasLostFromTheStartIsListedWithItsProblem) {
  FakeNvml nvml;
  const auto telemetry = nvml.open_file("lost_gpu");
  ASSERT_EQ(telemetry->gpus().size(), 2u);
  EXPECT_EQ(telemetry->gpus()[1].problem->code, 15);
  EXPECT_EQ(telemetry->sample(0)[Metric::memory_used].optional(), 12);
  EXPECT_EQ(telemetry->sample(1).problem->code, 15);
}

TEST(NvmlTelemetry, ACardThatRefusesEverythingIsAProblem) {
  FakeNvml nvml;
  const auto telemetry = nvml.open(kCard + "error * 4\n");
  const GpuSample sample = telemetry->sample(0);
  ASSERT_TRUE(sample.problem);
  EXPECT_EQ(sample.problem->code, 4);
  EXPECT_THAT(sample.problem->cure.en, HasSubstr("--gpus all"));
}

TEST(NvmlTelemetry, ACallThatHangsHoldsUpItsOwnCardOnly) {
  FakeNvml nvml;
  const auto telemetry = nvml.open(kCard + "hang nvmlDeviceGetPowerUsage\ncard\nuuid GPU-b\ngpu_util 7\n");
  GpuSample stuck;
  std::thread first([&] { stuck = telemetry->sample(0); });
  EXPECT_EQ(telemetry->sample(1)[Metric::gpu_util].optional(), 7);
  nvml.release();
  first.join();
  EXPECT_EQ(stuck[Metric::power].optional(), 412.5);
}

TEST(NvmlTelemetry, AnOldDriverGivesWhatItHas) {
  FakeNvml nvml("old_driver");
  const auto telemetry = nvml.open(kCard + "processes self:100\n");
  const GpuSample sample = telemetry->sample(0);
  EXPECT_FALSE(sample.problem);
  EXPECT_EQ(sample[Metric::memory_used].optional(), 5120 + 612) << "the first layout counts the reserved part as used";
  EXPECT_EQ(sample[Metric::memory_reserved].state, Reading::State::not_supported);
  EXPECT_EQ(sample[Metric::temperature].optional(), 61) << "by the function without versions";
  EXPECT_EQ(sample.throttle_reasons, throttle_power_cap) << "by the function's older name";
  EXPECT_EQ(sample[Metric::memory_temperature].state, Reading::State::not_supported);
  EXPECT_EQ(sample[Metric::tensor_activity].state, Reading::State::not_supported);
  ASSERT_EQ(sample.processes.size(), 1u) << "records of 16 bytes";
  EXPECT_EQ(sample.processes[0].memory_mib, 100);
}

TEST(NvmlTelemetry, ACardWithTheComputersMemoryHasNoMemoryReadingsAndNoProblem) {
  FakeNvml nvml;
  const auto telemetry = nvml.open("card\nname NVIDIA GB10\ngpu_util 40\npower_mw 30000\n");
  const GpuSample sample = telemetry->sample(0);
  EXPECT_FALSE(sample.problem);
  EXPECT_EQ(sample[Metric::memory_used].state, Reading::State::not_supported);
  EXPECT_EQ(sample[Metric::memory_total].state, Reading::State::not_supported);
  EXPECT_EQ(sample[Metric::gpu_util].optional(), 40);
}

TEST(NvmlTelemetry, XidsAreToldOnce) {
  FakeNvml nvml;
  const auto telemetry = nvml.open(kCard + "tick 1000\nxid 31\n");
  EXPECT_TRUE(telemetry->sample(0).xids.empty());
  nvml.at(1);
  EXPECT_THAT(telemetry->sample(0).xids, testing::ElementsAre(31));
  EXPECT_TRUE(telemetry->sample(0).xids.empty());
}

TEST(NvmlTelemetry, TheEnergyCounterIsReadRarelyAndCarriedOnByThePower) {
  FakeNvml nvml;
  const auto telemetry = nvml.open("card\npower_mw 100000\nenergy_mj 1000000\ntick 1\nenergy_mj 1500000\n");
  EXPECT_EQ(telemetry->sample(0)[Metric::energy].optional(), 1000);
  nvml.at(1);
  EXPECT_EQ(telemetry->sample(0)[Metric::energy].optional(), 1100) << "100 W for a second";
  nvml.at(2);
  EXPECT_EQ(telemetry->sample(0)[Metric::energy].optional(), 1200);
  nvml.at(5);
  EXPECT_EQ(telemetry->sample(0)[Metric::energy].optional(), 1500) << "the counter again";
}

TEST(NvmlTelemetry, EnergyNeverRunsBackwardsWhenItWasCarriedTooFar) {
  FakeNvml nvml;
  const auto telemetry = nvml.open("card\npower_mw 100000\nenergy_mj 1000000\ntick 4000\nenergy_mj 1050000\n");
  double before = 0;
  for (int second = 0; second < 8; ++second) {
    nvml.at(second);
    const double now = telemetry->sample(0)[Metric::energy].value;
    EXPECT_GE(now, before);
    before = now;
  }
}

TEST(NvmlTelemetry, ASleepingCardIsNotAskedAndWakesOnItsOwn) {
  FakeNvml nvml;
  TelemetryOptions options;
  options.root = nvml.folder().path();
  const std::string power = "sys/bus/pci/devices/0000:19:00.0/power/";
  nvml.folder().write(power + "control", "auto\n");
  nvml.folder().write(power + "runtime_status", "suspended\n");
  const auto telemetry = nvml.open(kCard + "lost_after_calls 12\n", options);
  for (int i = 0; i < 50; ++i) {
    const GpuSample sample = telemetry->sample(0);
    ASSERT_TRUE(sample.problem);
    ASSERT_EQ(sample.problem->code, nvml::kNotReady) << "the driver was asked";
    EXPECT_FALSE(sample[Metric::gpu_util].ok());
  }
  nvml.folder().write(power + "runtime_status", "active\n");
  const GpuSample awake = telemetry->sample(0);
  EXPECT_TRUE(!awake.problem || awake.problem->code == 15) << "it was asked";
}

TEST(NvmlTelemetry, OnlyTheChosenCardsAreWatched) {
  FakeNvml nvml;
  TelemetryOptions options;
  options.gpus = {"1"};
  const auto telemetry = nvml.open(kCard + "card\nuuid GPU-b\ngpu_util 3\n", options);
  ASSERT_EQ(telemetry->gpus().size(), 1u);
  EXPECT_EQ(telemetry->gpus()[0].uuid, "GPU-b");
  EXPECT_EQ(telemetry->sample(0)[Metric::gpu_util].optional(), 3);
  options.gpus = {"7"};
  EXPECT_THROW(nvml.open(kCard, options), Error);
}

TEST(NvmlTelemetry, ADriverWithoutCardsIsAProblem) {
  FakeNvml nvml;
  const auto telemetry = nvml.open_file("none");
  EXPECT_EQ(telemetry->source(), GpuSource::nvml);
  EXPECT_TRUE(telemetry->gpus().empty());
  ASSERT_EQ(telemetry->problems().size(), 1u);
  EXPECT_THAT(telemetry->problems()[0].what.en, HasSubstr("no GPU"));
}

}  // namespace
}  // namespace wring

// nvidia-smi, then /proc and /sys, then nothing.
#include <algorithm>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fixtures/fake_machine.h"
#include "fixtures/scoped_environment.h"
#include "fixtures/temporary_folder.h"
#include "wring/base/error.h"
#include "wring/gpu/fallback/smi_telemetry.h"

namespace wring {
namespace {

using namespace testing_support;
using testing::HasSubstr;

class Fallback : public testing::Test {
 protected:
  void SetUp() override {
    environment_.set("WRING_NVML_LIBRARY", kMissingLibrary);
    environment_.set("WRING_NVIDIA_SMI", kMissingNvidiaSmi);
    options_.root = folder_.path() / "root";
    options_.clock = [] { return now_s; };
    now_s = 0;
  }

  // Answers the inventory's query and the samples'.
  void smi(const std::string& inventory, const std::string& samples) {
    environment_.set("WRING_NVIDIA_SMI",
                     folder_.write_script("nvidia-smi", "echo call >> " + calls_file() +
                                                            "\ncase $1 in *driver_version*) cat <<END\n" + inventory +
                                                            "END\n;; *) " + samples + ";; esac\n"));
  }
  std::string calls_file() const { return (folder_.path() / "calls").string(); }
  int calls() const {
    std::ifstream in(calls_file());
    int count = 0;
    for (std::string line; std::getline(in, line);) ++count;
    return count;
  }

  static inline double now_s = 0;
  TemporaryFolder folder_;
  ScopedEnvironment environment_;
  TelemetryOptions options_;
};

// A row of as many fields as are asked for; those that are not given are not available.
std::string row(std::string values, int fields = 14) {
  const auto given = 1 + std::count(values.begin(), values.end(), ',');
  for (auto i = given; i < fields; ++i) values += ", [N/A]";
  return "echo '" + values + "'";
}

const std::string kTwoCards =
    "0, GPU-a, Tesla T4, 00000000:01:00.0, 15360, 3, 400, 7.5, 550.1\n"
    "1, GPU-b, Tesla T4, 00000000:02:00.0, 15360, 3, 400, 7.5, 550.1\n";

TEST_F(Fallback, NvidiaSmiGivesWhatItKnows) {
  smi(kTwoCards,
      "echo 'GPU-b, 1, 2, 3, 400, 15360, 20, 70, 30, [N/A], 300, 405, 0, 0x1'; "
      "echo 'GPU-a, 87, 31, 5120, 400, 15360, 65.50, 70.00, 61, 58, 1590, 5000, 2, 0x0000000000000004'");
  const auto telemetry = open_telemetry(options_);
  EXPECT_EQ(telemetry->source(), GpuSource::nvidia_smi);
  EXPECT_EQ(telemetry->driver_version(), "550.1");
  ASSERT_EQ(telemetry->problems().size(), 1u);
  EXPECT_EQ(telemetry->problems()[0].code, 12) << "why NVML was not used";
  ASSERT_EQ(telemetry->gpus().size(), 2u);
  const GpuSample sample = telemetry->sample(0);
  const std::pair<Metric, double> expected[] = {
      {Metric::gpu_util, 87},         {Metric::memory_util, 31},     {Metric::memory_used, 5120},
      {Metric::memory_reserved, 400}, {Metric::memory_total, 15360}, {Metric::power, 65.5},
      {Metric::power_limit, 70},      {Metric::temperature, 61},     {Metric::memory_temperature, 58},
      {Metric::sm_clock, 1590},       {Metric::memory_clock, 5000},  {Metric::ecc_uncorrected, 2}};
  for (const auto& [metric, value] : expected) EXPECT_EQ(sample[metric].optional(), value) << metric_row(metric).key;
  EXPECT_EQ(sample.throttle_reasons, throttle_power_cap);
  EXPECT_EQ(sample[Metric::sm_activity].state, Reading::State::not_supported);
  const GpuSample other = telemetry->sample(1);
  EXPECT_EQ(other[Metric::gpu_util].optional(), 1) << "cards are told apart by their UUIDs, not by their lines";
  EXPECT_EQ(other[Metric::memory_temperature].state, Reading::State::not_supported);
}

TEST_F(Fallback, OneCallOfNvidiaSmiAnswersForAllCards) {
  smi(kTwoCards, row("GPU-a, 1") + "; " + row("GPU-b, 2"));
  const auto telemetry = open_telemetry(options_);
  const int before = calls();
  for (int tick = 0; tick < 3; ++tick) {
    now_s = tick;
    telemetry->sample(0);
    telemetry->sample(1);
  }
  EXPECT_EQ(calls() - before, 3);
}

TEST_F(Fallback, FieldsThatAnOldNvidiaSmiRefusesAreLeftOutAndNotAskedAgain) {
  smi(kTwoCards,
      "case $1 in *memory.reserved*) echo 'Field \"memory.reserved\" is not a valid field to query.'; exit 2;; "
      "esac; " +
          row("GPU-a, 87, 31, 5120, 15360, 65.5", 13));
  const auto telemetry = open_telemetry(options_);
  const GpuSample sample = telemetry->sample(0);
  EXPECT_EQ(sample[Metric::memory_used].optional(), 5120);
  EXPECT_EQ(sample[Metric::memory_reserved].state, Reading::State::not_supported);
  EXPECT_EQ(sample[Metric::memory_total].optional(), 15360);
  const int before = calls();
  now_s = 1;
  telemetry->sample(0);
  EXPECT_EQ(calls() - before, 1);
}

TEST_F(Fallback, OneThatHangsIsKilledAndTheCardIsAProblemUntilItAnswersAgain) {
  smi(kTwoCards,
      "if [ -e " + (folder_.path() / "well").string() + " ]; then " + row("GPU-a, 9") + "; else sleep 1000; fi");
  std::vector<GpuProblem> problems;
  const auto telemetry = open_smi_telemetry(options_, problems, std::chrono::milliseconds(300));
  ASSERT_NE(telemetry, nullptr);
  const GpuSample stuck = telemetry->sample(0);
  ASSERT_TRUE(stuck.problem);
  EXPECT_THAT(stuck.problem->what.en, HasSubstr("did not answer"));
  EXPECT_EQ(stuck[Metric::gpu_util].state, Reading::State::error);
  folder_.write("well", "");
  now_s = 10;
  GpuSample sample;
  for (int i = 0; i < 50 && !sample[Metric::gpu_util].ok(); ++i) sample = telemetry->sample(0);  // a busy computer
  EXPECT_EQ(sample[Metric::gpu_util].optional(), 9);
}

TEST_F(Fallback, ALostCardOfNvidiaSmiIsAProblem) {
  smi(kTwoCards, row("GPU-a, [GPU is lost], [GPU is lost], [GPU is lost]"));
  const auto telemetry = open_telemetry(options_);
  EXPECT_EQ(telemetry->sample(0).problem->code, 15);
  EXPECT_EQ(telemetry->sample(1).problem->code, 15) << "it is not listed any more";
}

TEST_F(Fallback, AnOddLineOfNvidiaSmiIsAWarningAndLosesNoCard) {
  for (const char* status : {"0", "14"}) {
    const std::string odd = "echo 'WARNING: infoROM is corrupted at gpu 0000:B3:00.0'; exit " + std::string(status);
    smi(kTwoCards + "WARNING: infoROM is corrupted at gpu 0000:B3:00.0\n",
        row("GPU-a, 71") + "; " + row("GPU-b, 72") + "; " + odd);
    const auto telemetry = open_telemetry(options_);
    ASSERT_EQ(telemetry->gpus().size(), 2u) << status;
    EXPECT_EQ(telemetry->sample(0)[Metric::gpu_util].optional(), 71) << status;
    EXPECT_EQ(telemetry->sample(1)[Metric::gpu_util].optional(), 72) << status;
    EXPECT_FALSE(telemetry->sample(1).problem) << status;
    ASSERT_EQ(telemetry->problems().size(), 2u);
    EXPECT_THAT(telemetry->problems()[1].what.en, HasSubstr("infoROM is corrupted at gpu 0000:B3:00.0"));
    EXPECT_THAT(telemetry->problems()[1].cure.en, HasSubstr("the card works on"));
  }
}

TEST_F(Fallback, ReadingsOfNvidiaSmiThatContradictEachOtherAreLeftOut) {
  smi(kTwoCards, row("GPU-a, 87, 31, 99999, 400, 15360") + "; " + row("GPU-b, 87, 31, 5, 0, 0"));
  const auto telemetry = open_telemetry(options_);
  const GpuSample above_total = telemetry->sample(0);
  EXPECT_EQ(above_total[Metric::memory_used].code, Reading::kRejected);
  EXPECT_EQ(above_total[Metric::memory_total].optional(), 15360);
  const GpuSample no_total = telemetry->sample(1);
  EXPECT_EQ(no_total[Metric::memory_total].code, Reading::kRejected);
  EXPECT_EQ(no_total[Metric::memory_used].optional(), 5);
}

TEST(SmiValue, BracketsAreReasonsAndNonsenseIsRejected) {
  EXPECT_EQ(read_smi_value(Metric::power, "65.50").optional(), 65.5);
  for (const char* text : {"[N/A]", "[Not Supported]", "N/A", ""}) {
    EXPECT_EQ(read_smi_value(Metric::power, text).state, Reading::State::not_supported) << text;
  }
  EXPECT_EQ(read_smi_value(Metric::power, "[GPU is lost]").code, 15);
  EXPECT_EQ(read_smi_value(Metric::power, "[Unknown Error]").code, 999);
  EXPECT_EQ(read_smi_value(Metric::gpu_util, "200000").code, Reading::kRejected);
  EXPECT_EQ(read_smi_value(Metric::gpu_util, "lots").code, Reading::kRejected);
}

TEST_F(Fallback, TheDriversProcFilesGiveNamesAndNoValues) {
  folder_.write("root/proc/driver/nvidia/gpus/0000:19:00.0/information",
                "Model: \t\t NVIDIA H200\nIRQ:   \t\t 41\nGPU UUID: \t GPU-cf4c\nBus Location: \t 0000:19:00.0\n");
  folder_.write("root/proc/driver/nvidia/gpus/0000:3b:00.0/information", "Model: \t Tesla T4\nGPU UUID: GPU-b\n");
  folder_.write("root/proc/driver/nvidia/version",
                "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.159.04  Release Build\nGCC 15\n");
  const auto telemetry = open_telemetry(options_);
  EXPECT_EQ(telemetry->source(), GpuSource::none) << "there is no source of values";
  EXPECT_EQ(telemetry->driver_version(), "580.159.04");
  ASSERT_EQ(telemetry->gpus().size(), 2u);
  EXPECT_EQ(telemetry->gpus()[0].name, "NVIDIA H200");
  EXPECT_EQ(telemetry->gpus()[0].uuid, "GPU-cf4c");
  EXPECT_EQ(telemetry->gpus()[0].pci_bus_id, "0000:19:00.0");
  EXPECT_EQ(telemetry->gpus()[1].index, 1);
  ASSERT_EQ(telemetry->problems().size(), 2u);
  const GpuSample sample = telemetry->sample(1);
  ASSERT_TRUE(sample.problem);
  EXPECT_EQ(sample.problem->code, 12);
  EXPECT_FALSE(sample[Metric::memory_total].ok());
}

TEST_F(Fallback, WithoutTheDriverTheBusStillShowsTheCard) {
  folder_.write("root/sys/bus/pci/devices/0000:01:00.0/vendor", "0x10de\n");
  folder_.write("root/sys/bus/pci/devices/0000:01:00.0/class", "0x030000\n");
  folder_.write("root/sys/bus/pci/devices/0000:01:00.0/device", "0x2684\n");
  folder_.write("root/sys/bus/pci/devices/0000:01:00.1/vendor", "0x10de\n");
  folder_.write("root/sys/bus/pci/devices/0000:01:00.1/class", "0x040300\n");  // its sound
  folder_.write("root/sys/bus/pci/devices/0000:02:00.0/vendor", "0x8086\n");
  folder_.write("root/sys/bus/pci/devices/0000:02:00.0/class", "0x030000\n");
  const auto telemetry = open_telemetry(options_);
  ASSERT_EQ(telemetry->gpus().size(), 1u);
  EXPECT_THAT(telemetry->gpus()[0].name, HasSubstr("0x2684"));
  EXPECT_EQ(telemetry->gpus()[0].pci_bus_id, "0000:01:00.0");
}

TEST_F(Fallback, WithNothingAtAllTheReasonsAndCuresRemain) {
  options_.gpus = {"0"};
  const auto telemetry = open_telemetry(options_);
  EXPECT_EQ(telemetry->source(), GpuSource::none);
  EXPECT_TRUE(telemetry->gpus().empty());
  ASSERT_EQ(telemetry->problems().size(), 2u);
  EXPECT_THAT(telemetry->problems()[0].cure.en, HasSubstr("install the NVIDIA driver"));
  EXPECT_THAT(telemetry->problems()[1].what.en, HasSubstr("nvidia-smi"));
}

TEST_F(Fallback, EveryFailureOfNvmlFallsBackWithItsCodeAndCure) {
  environment_.set("WRING_NVML_LIBRARY", fake_nvml());
  for (const int code : {4, 9, 12, 15, 17, 18, 999}) {
    environment_.set("WRING_FAKE_NVML", folder_.write("machine.txt", "init_error " + std::to_string(code) + "\n"));
    const auto telemetry = open_telemetry(options_);
    ASSERT_FALSE(telemetry->problems().empty());
    EXPECT_EQ(telemetry->problems()[0].code, code);
    EXPECT_FALSE(telemetry->problems()[0].cure.empty());
  }
}

}  // namespace
}  // namespace wring

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fixtures/fake_nvml.h"
#include "wring/gpu/nvml/library.h"

namespace wring {
namespace {

using namespace testing_support;

const std::string kCard = "card\ngpu_util 1\n";

std::vector<std::int64_t> pids(const GpuSample& sample) {
  std::vector<std::int64_t> all;
  for (const GpuProcess& process : sample.processes) all.push_back(process.pid);
  return all;
}

TEST(Processes, TheirMemoryAndTheirShareOfTheCardAreTold) {
  FakeNvml nvml;
  const auto telemetry = nvml.open(kCard + "processes 4000001:5120:80 4000002:64:0 4000003:-\n");
  nvml.at(1);
  const GpuSample sample = telemetry->sample(0);
  ASSERT_THAT(pids(sample), testing::ElementsAre(4000001, 4000002, 4000003));
  EXPECT_EQ(sample.processes[0].memory_mib, 5120);
  EXPECT_EQ(sample.processes[0].sm_util, 80);
  EXPECT_EQ(sample.processes[1].sm_util, 0);
  EXPECT_FALSE(sample.processes[2].memory_mib) << "all ones mean that the driver does not know";
  EXPECT_FALSE(sample.processes[2].sm_util) << "no sample is no zero";
  EXPECT_EQ(sample.processes[0].name, "") << "no such pid here";
}

TEST(Processes, RecordsOf32BytesAreRecognised) {
  FakeNvml nvml("wide_records");
  EXPECT_EQ(nvml::Library().functions().process_record, 32u);
  const auto telemetry = nvml.open(kCard + "processes 4000001:5120 4000002:64 4000003:7\n");
  const GpuSample sample = telemetry->sample(0);
  ASSERT_THAT(pids(sample), testing::ElementsAre(4000001, 4000002, 4000003));
  EXPECT_EQ(sample.processes[1].memory_mib, 64);
  EXPECT_EQ(sample.processes[2].memory_mib, 7);
}

TEST(Processes, OneThatComputesAndDrawsIsOne) {
  FakeNvml nvml;
  const auto telemetry =
      nvml.open(kCard + "processes 4000001:500\ngraphics_processes 4000001:700 4000009:20\nmps_processes 4000001:-\n");
  const GpuSample sample = telemetry->sample(0);
  ASSERT_THAT(pids(sample), testing::ElementsAre(4000001, 4000009));
  EXPECT_EQ(sample.processes[0].memory_mib, 700);
}

TEST(Processes, StrayAndAbsurdSamplesOfUseAreLeftOut) {
  FakeNvml nvml;
  const auto telemetry = nvml.open(kCard + "processes 4000001:5:250\nstray_samples 4000077:5:30\n");
  const GpuSample sample = telemetry->sample(0);
  ASSERT_THAT(pids(sample), testing::ElementsAre(4000001)) << "4000077 has ended";
  EXPECT_FALSE(sample.processes[0].sm_util) << "250 % is none";
}

TEST(Processes, MoreThanTheFirstBufferHolds) {
  FakeNvml nvml;
  std::string list = "processes";
  for (int i = 0; i < 100; ++i) list += fmt::format(" {}:1:1", 4000000 + i);
  const auto telemetry = nvml.open(kCard + list + "\n");
  const GpuSample sample = telemetry->sample(0);
  ASSERT_EQ(sample.processes.size(), 100u);
  EXPECT_EQ(sample.processes[99].sm_util, 1);
}

TEST(Processes, AVisiblePidHasItsNameUnlessThePidsAreAnotherNamespaces) {
  FakeNvml nvml;
  TelemetryOptions options;
  options.root = nvml.folder().path();
  nvml.folder().write("proc/4000001/comm", "python3\n");
  const std::string machine = kCard + "processes 4000001:5\n";
  EXPECT_EQ(nvml.open(machine, options)->sample(0).processes.at(0).name, "python3");
  std::filesystem::create_directories(options.root / "proc/self/ns");
  std::filesystem::create_symlink("pid:[4026532000]", options.root / "proc/self/ns/pid");
  EXPECT_EQ(nvml.open(machine, options)->sample(0).processes.at(0).name, "")
      << "in a container the pid 4000001 is another program's";
}

TEST(Processes, ProgramsThatEndVanish) {
  FakeNvml nvml;
  const auto telemetry = nvml.open(kCard + "processes 4000001:5\ntick 1000\nprocesses\n");
  EXPECT_EQ(telemetry->sample(0).processes.size(), 1u);
  nvml.at(1.5);
  EXPECT_TRUE(telemetry->sample(0).processes.empty());
}

TEST(Processes, TheyAreNotAskedForWhereNobodyWantsThem) {
  FakeNvml nvml;
  TelemetryOptions options;
  options.processes = false;
  EXPECT_TRUE(nvml.open(kCard + "processes 4000001:5\n", options)->sample(0).processes.empty());
}

}  // namespace
}  // namespace wring

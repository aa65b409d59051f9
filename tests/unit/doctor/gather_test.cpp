// What the doctor reads of a machine: its memory and the limits that a container puts on it, from a recorded /proc and
// /sys, and what stand-ins for wring-train answer.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fixtures/fake_machine.h"
#include "fixtures/scoped_environment.h"
#include "fixtures/temporary_folder.h"
#include "wring/doctor/checks.h"

namespace wring {
namespace {

using testing::HasSubstr;
using testing_support::ScopedEnvironment;
using testing_support::TemporaryFolder;

class Gather : public testing::Test {
 protected:
  void SetUp() override {
    environment_.set("WRING_NVML_LIBRARY", testing_support::kMissingLibrary);
    environment_.set("WRING_NVIDIA_SMI", testing_support::kMissingNvidiaSmi);
    root_.write("proc/meminfo", "MemTotal:       67108864 kB\nMemAvailable:   33554432 kB\n");
  }

  MachineFacts gather() { return gather_facts({wring_train_, root_.path(), root_.path()}); }
  Check memory_check() {
    for (const Check& check : check_machine(gather(), false)) {
      if (check.id == "memory") return check;
    }
    throw std::runtime_error("there is no check of the memory");
  }
  // A stand-in for wring-train.
  void wring_train(const std::string& script) { wring_train_ = root_.write_script("wring-train", script); }

  ScopedEnvironment environment_;
  TemporaryFolder root_;
  std::optional<std::filesystem::path> wring_train_;
};

TEST_F(Gather, TheMemoryIsThatOfTheMachineWhereNothingLimitsIt) {
  const MachineFacts facts = gather();
  EXPECT_EQ(facts.memory_mib, 65536);
  EXPECT_EQ(facts.memory_available_mib, 32768);
  EXPECT_FALSE(facts.memory_limit_mib.has_value());
  EXPECT_FALSE(facts.core_quota.has_value());
}

TEST_F(Gather, AContainersLimitsAreReadFromVersion2OfTheControlGroups) {
  root_.write("proc/self/cgroup", "0::/\n");
  root_.write("sys/fs/cgroup/memory.max", "4294967296\n");
  root_.write("sys/fs/cgroup/cpu.max", "250000 100000\n");
  const MachineFacts facts = gather();
  EXPECT_EQ(facts.memory_limit_mib, 4096);
  EXPECT_EQ(facts.core_quota, 2.5);
}

TEST_F(Gather, AContainersLimitsAreReadFromVersion1OfTheControlGroups) {
  root_.write("proc/self/cgroup", "5:memory:/docker/a\n3:cpu,cpuacct:/docker/a\n");
  root_.write("sys/fs/cgroup/memory/memory.limit_in_bytes", "6442450944\n");
  root_.write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "150000\n");
  root_.write("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  const MachineFacts facts = gather();
  EXPECT_EQ(facts.memory_limit_mib, 6144);
  EXPECT_EQ(facts.core_quota, 1.5);
}

TEST_F(Gather, OfNestedGroupsTheTightestLimitIsTheContainers) {
  root_.write("proc/self/cgroup", "0::/job/step\n");
  root_.write("sys/fs/cgroup/job/memory.max", "8589934592\n");
  root_.write("sys/fs/cgroup/job/step/memory.max", "max\n");
  EXPECT_EQ(gather().memory_limit_mib, 8192);
}

TEST_F(Gather, ALimitThatTheMachineCannotReachIsNone) {
  root_.write("proc/self/cgroup", "0::/\n");
  root_.write("sys/fs/cgroup/memory.max", "68719476736\n");  // all that there is
  EXPECT_FALSE(gather().memory_limit_mib.has_value());
  root_.write("sys/fs/cgroup/memory.max", "max\n");
  EXPECT_FALSE(gather().memory_limit_mib.has_value());
}

TEST_F(Gather, WhereTheMachinesMemoryIsNotKnownTheLimitStillIs) {
  std::filesystem::remove(root_.path() / "proc/meminfo");
  root_.write("proc/self/cgroup", "0::/\n");
  root_.write("sys/fs/cgroup/memory.max", "2147483648\n");
  const MachineFacts facts = gather();
  EXPECT_FALSE(facts.memory_mib.has_value());
  EXPECT_FALSE(facts.memory_available_mib.has_value());
  EXPECT_EQ(facts.memory_limit_mib, 2048);
}

TEST_F(Gather, ASmallContainerOnALargeMachineIsWarnedOf) {
  EXPECT_EQ(memory_check().state, CheckState::good);
  root_.write("proc/self/cgroup", "0::/\n");
  root_.write("sys/fs/cgroup/memory.max", "4294967296\n");
  const Check check = memory_check();
  EXPECT_EQ(check.state, CheckState::warning);
  EXPECT_EQ(check.found.en, "64.0 GiB, limited to 4.0 GiB, 32.0 GiB available");
}

TEST_F(Gather, TheSharedMemoryIsThatOfItsFileSystem) {
  EXPECT_FALSE(gather().shared_memory_mib.has_value());
  std::filesystem::create_directories(root_.path() / "dev/shm");
  const auto space = std::filesystem::space(root_.path() / "dev/shm");
  const MachineFacts facts = gather();
  EXPECT_EQ(facts.shared_memory_mib, static_cast<std::int64_t>(space.capacity >> 20));
  ASSERT_TRUE(facts.shared_memory_free_mib.has_value());
  EXPECT_LE(*facts.shared_memory_free_mib, *facts.shared_memory_mib);
  EXPECT_EQ(*facts.shared_memory_free_mib == 0, space.available >> 20 == 0);
}

TEST_F(Gather, WringTrainIsAskedWhatItRunsWith) {
  EXPECT_FALSE(gather().engine.has_value());
  EXPECT_TRUE(gather().engine_problem.empty()) << "it is missing, and does not fail";
  wring_train(R"([ "$*" = about ] && echo '{"libtorch":"2.11.0","cuda":true,"kernels":false,"cuda_runtime":"13.0",)"
              R"("cuda_driver":"13.1","cudnn":"9.19.0","nccl":"2.28.9","gpus":2,"gpu_problem":"no kernel image"}')");
  const MachineFacts facts = gather();
  EXPECT_EQ(facts.wring_train, wring_train_);
  ASSERT_TRUE(facts.engine.has_value()) << facts.engine_problem.en;
  EXPECT_EQ(facts.engine->libtorch, "2.11.0");
  EXPECT_TRUE(facts.engine->cuda);
  EXPECT_FALSE(facts.engine->kernels);
  EXPECT_EQ(facts.engine->cuda_runtime, "13.0");
  EXPECT_EQ(facts.engine->cuda_driver, "13.1");
  EXPECT_EQ(facts.engine->cudnn, "9.19.0");
  EXPECT_EQ(facts.engine->nccl, "2.28.9");
  EXPECT_EQ(facts.engine->gpus, 2);
  EXPECT_EQ(facts.engine->gpu_problem, "no kernel image");
}

TEST_F(Gather, OfAWringTrainThatFailsTheLastLineIsTheReason) {
  wring_train("echo first >&2; echo 'libtorch.so: not found' >&2; echo >&2; exit 127\n");
  EXPECT_EQ(gather().engine_problem.en, "libtorch.so: not found");
  wring_train("echo 'one line' >&2; exit 1\n");
  EXPECT_EQ(gather().engine_problem.en, "one line");
}

TEST_F(Gather, OfAWringTrainThatFailsWithoutAWordItsEndIsTheReason) {
  wring_train("exit 7\n");
  EXPECT_EQ(gather().engine_problem.en, "exit code 7");
  wring_train("kill -9 $$\n");
  EXPECT_EQ(gather().engine_problem.en, "ended by signal 9");
  EXPECT_FALSE(gather().engine.has_value());
}

TEST_F(Gather, AWringTrainThatCannotBeStartedIsNamed) {
  wring_train_ = root_.path() / "nothing";
  EXPECT_THAT(gather().engine_problem.en, HasSubstr("nothing"));
}

TEST_F(Gather, TheLocaleIsThatOfTheFirstVariableThatIsSet) {
  for (const char* variable : {"LC_ALL", "LC_CTYPE", "LANG"}) environment_.set(variable, std::nullopt);
  EXPECT_EQ(gather().locale, "");
  EXPECT_FALSE(gather().utf8);
  environment_.set("LANG", "de_DE.ISO-8859-1");
  EXPECT_EQ(gather().locale, "LANG=de_DE.ISO-8859-1");
  EXPECT_FALSE(gather().utf8);
  environment_.set("LC_CTYPE", "C.UTF-8");
  EXPECT_EQ(gather().locale, "LC_CTYPE=C.UTF-8");
  EXPECT_TRUE(gather().utf8);
  environment_.set("LC_ALL", "");
  EXPECT_EQ(gather().locale, "LC_CTYPE=C.UTF-8") << "an empty value is none";
  environment_.set("LC_ALL", "C");
  EXPECT_EQ(gather().locale, "LC_ALL=C");
}

TEST(EngineFacts, OfAnotherTypeAreAbsent) {
  const EngineFacts facts = parse_engine_facts(R"({"libtorch":"2.11.0","cuda":1,"gpus":"two","cudnn":9,"nccl":null})");
  EXPECT_FALSE(facts.cuda);
  EXPECT_FALSE(facts.kernels);
  EXPECT_EQ(facts.gpus, 0);
  EXPECT_FALSE(facts.cudnn.has_value());
  EXPECT_FALSE(facts.nccl.has_value());
  EXPECT_FALSE(facts.gpu_problem.has_value());
}

}  // namespace
}  // namespace wring

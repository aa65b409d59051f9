#include "wring/gpu/fallback/nvidia_smi.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fixtures/fake_machine.h"
#include "fixtures/scoped_environment.h"
#include "fixtures/temporary_folder.h"

namespace wring {
namespace {

using namespace testing_support;
using testing::HasSubstr;

class NvidiaSmi : public testing::Test {
 protected:
  SmiAnswer ask(const std::string& script, std::chrono::milliseconds timeout = std::chrono::seconds(60)) {
    environment_.set("WRING_NVIDIA_SMI", folder_.write_script("nvidia-smi", script));
    return ask_nvidia_smi(timeout);
  }

  TemporaryFolder folder_;
  ScopedEnvironment environment_;
};

TEST_F(NvidiaSmi, ReadsEveryFieldOfEveryCard) {
  const SmiAnswer answer =
      ask("cat <<END\n"
          "0, GPU-a, NVIDIA GeForce RTX 4070, 00000000:01:00.0, 12282, 512, 256, 8.9, 550.54.15\n"
          "1, GPU-b, Tesla T4, 00000000:02:00.0, 15360, 3, 400, 7.5, 550.54.15\n"
          "END\n");
  ASSERT_FALSE(answer.problem);
  ASSERT_EQ(answer.gpus.size(), 2u);
  const Gpu& gpu = answer.gpus[0];
  EXPECT_EQ(gpu.index, 0);
  EXPECT_EQ(gpu.uuid, "GPU-a");
  EXPECT_EQ(gpu.name, "NVIDIA GeForce RTX 4070");
  EXPECT_EQ(gpu.pci_bus_id, "00000000:01:00.0");
  EXPECT_EQ(gpu.memory_total_mib, 12282);
  EXPECT_EQ(gpu.memory_used_mib, 512);
  EXPECT_EQ(gpu.memory_reserved_mib, 256);
  EXPECT_EQ(gpu.compute_capability_major, 8);
  EXPECT_EQ(gpu.compute_capability_minor, 9);
  EXPECT_EQ(answer.gpus[1].index, 1);
  EXPECT_EQ(answer.gpus[1].name, "Tesla T4");
  EXPECT_EQ(answer.driver_version, "550.54.15");
}

TEST_F(NvidiaSmi, ValuesThatAreNotAvailableAreAbsentNotZero) {
  const SmiAnswer answer =
      ask("echo '0, GPU-a, NVIDIA GB10, [N/A], [N/A], [Not Supported], [Unknown Error], [N/A], 580.1'\n");
  ASSERT_EQ(answer.gpus.size(), 1u);
  EXPECT_EQ(answer.gpus[0].name, "NVIDIA GB10");
  EXPECT_EQ(answer.gpus[0].pci_bus_id, "");
  EXPECT_FALSE(answer.gpus[0].memory_total_mib);
  EXPECT_FALSE(answer.gpus[0].memory_used_mib);
  EXPECT_FALSE(answer.gpus[0].memory_reserved_mib);
  EXPECT_FALSE(answer.gpus[0].compute_capability_major);
  EXPECT_FALSE(answer.gpus[0].problem);
}

TEST_F(NvidiaSmi, ALostCardIsMarked) {
  const SmiAnswer answer = ask("echo '0, [GPU is lost], [GPU is lost], [GPU is lost], , , , , 550'\n");
  ASSERT_EQ(answer.gpus.size(), 1u);
  ASSERT_TRUE(answer.gpus[0].problem);
  EXPECT_EQ(answer.gpus[0].problem->code, 15);
}

TEST_F(NvidiaSmi, AnOldOneThatRefusesAFieldIsAskedForFewer) {
  const SmiAnswer answer =
      ask("case $1 in *memory.reserved*) echo 'Field \"memory.reserved\" is not a valid field to query.'; "
          "exit 2;;\n"
          "*compute_cap*) echo 'Field \"compute_cap\" is not a valid field to query.'; exit 2;; esac\n"
          "echo '0, GPU-a, GeForce GTX 1080, 00000000:01:00.0, 8119, 200, 450.80.02'\n");
  ASSERT_FALSE(answer.problem);
  ASSERT_EQ(answer.gpus.size(), 1u);
  EXPECT_EQ(answer.gpus[0].memory_total_mib, 8119);
  EXPECT_FALSE(answer.gpus[0].memory_reserved_mib);
  EXPECT_FALSE(answer.gpus[0].compute_capability_major);
  EXPECT_EQ(answer.driver_version, "450.80.02");
}

// What a machine with a damaged infoROM, or one that prints anything else beside its table, answers.
TEST_F(NvidiaSmi, OnlyLinesWithAsManyFieldsAsWereAskedForAreCards) {
  const std::string healthy = "0, GPU-a, NVIDIA H200, 00000000:01:00.0, 143771, 51234, [N/A], 9.0, 535.183.01";
  const std::pair<std::string, std::string> odd_lines[] = {
      {"WARNING: infoROM is corrupted at gpu 0000:B3:00.0", "exit 0"},
      {"WARNING: infoROM is corrupted at gpu 0000:B3:00.0", "exit 14"},
      {"Unable to determine the device handle for GPU0000:B3:00.0: GPU is lost.", "exit 15"},
      {"one, two, three", "exit 0"},
      {healthy + ", one more", "exit 0"}};
  for (const auto& [line, end] : odd_lines) {
    for (const bool before : {false, true}) {
      const std::string odd = "echo '" + line + "'\n", row = "echo '" + healthy + "'\n";
      const SmiAnswer answer = ask((before ? odd + row : row + odd) + end + "\n");
      ASSERT_FALSE(answer.problem) << line;
      ASSERT_EQ(answer.gpus.size(), 1u) << line;
      EXPECT_EQ(answer.gpus[0].uuid, "GPU-a") << line;
      EXPECT_FALSE(answer.gpus[0].problem) << line;
      ASSERT_TRUE(answer.warning) << line;
      EXPECT_THAT(answer.warning->what.en, HasSubstr(line)) << "and not the row of a healthy card";
    }
  }
  EXPECT_FALSE(ask("echo '" + healthy + "'\n").warning);
}

TEST_F(NvidiaSmi, AHealthyTableThatEndsWithAFailureIsAWarning) {
  const SmiAnswer answer = ask("echo '0, GPU-a, A, 0:1, 1000, 1, 1, 9.0, 535'; echo 'some words' >&2; exit 14\n");
  ASSERT_EQ(answer.gpus.size(), 1u);
  EXPECT_THAT(answer.warning.value().what.en, HasSubstr("some words (exit status 14)"));
}

TEST_F(NvidiaSmi, NoDevicesIsAProblemAndNoCard) {
  const SmiAnswer answer = ask("echo 'No devices were found'; exit 6\n");
  EXPECT_TRUE(answer.gpus.empty());
  EXPECT_THAT(answer.problem.value().what.en, HasSubstr("No devices were found"));
}

TEST_F(NvidiaSmi, WithoutACardTheCureDoesNotSpeakOfThoseThatAreListed) {
  for (const char* script : {"kill -SEGV $$\n", "echo 'something else'\n"}) {
    EXPECT_THAT(ask(script).problem.value().cure.en, testing::Not(HasSubstr("the cards that it lists"))) << script;
  }
  const std::string card = "echo '0, GPU-a, A, 0:1, 1000, 1, 1, 9.0, 535'\n";
  EXPECT_THAT(ask(card + "echo 'something else'\n").warning.value().cure.en, HasSubstr("the cards that it lists"));
}

TEST_F(NvidiaSmi, OneThatPrintsWithoutEndIsStopped) {
  const SmiAnswer answer = ask("echo '0, GPU-a, A, 0:1, 1000, 1, 1, 9.0, 535'; yes 'x, y'\n");
  EXPECT_EQ(answer.gpus.size(), 1u) << "what it said before counts";
  EXPECT_THAT(answer.warning.value().what.en, HasSubstr("more than 1 MiB"));
}

TEST_F(NvidiaSmi, HalfALineOfOneThatWasKilledIsNoCard) {
  const SmiAnswer answer =
      ask("echo '0, GPU-a, A, 0:1, 1000, 1, 1, 9.0, 535'; printf '1, GPU-b, B, 0:2, 2000, 1, 1, 9.0, 5'; "
          "sleep 1000\n",
          std::chrono::seconds(3));
  ASSERT_EQ(answer.gpus.size(), 1u);
  EXPECT_EQ(answer.gpus[0].uuid, "GPU-a");
  EXPECT_THAT(answer.warning.value().what.en, HasSubstr("did not answer"));
}

TEST_F(NvidiaSmi, MemoryThatCannotBeIsAbsent) {
  const SmiAnswer answer =
      ask("echo '0, GPU-a, A, 0:1, 0, 5, 1, 9.0, 535'; echo '1, GPU-b, B, 0:2, 1000, 2000, 3000, 9.0, 535'; "
          "echo '2, GPU-c, C, 0:3, 17592186044415, 17592186044415, 1, 9.0, 535'\n");
  ASSERT_EQ(answer.gpus.size(), 3u);
  EXPECT_FALSE(answer.gpus[0].memory_total_mib);
  EXPECT_EQ(answer.gpus[1].memory_total_mib, 1000);
  EXPECT_FALSE(answer.gpus[1].memory_used_mib);
  EXPECT_FALSE(answer.gpus[1].memory_reserved_mib);
  EXPECT_FALSE(answer.gpus[2].memory_total_mib);
  EXPECT_FALSE(answer.gpus[2].memory_used_mib);
}

TEST_F(NvidiaSmi, ANameThatIsNotUtf8IsCleaned) {
  const SmiAnswer answer = ask("printf '0, GPU-a, NVIDIA \\377\\033 H200, 0:1, 1000, 1, 1, 9.0, 535\\n'\n");
  ASSERT_EQ(answer.gpus.size(), 1u);
  EXPECT_EQ(answer.gpus[0].name, "NVIDIA \\xff\\x1b H200");
}

TEST_F(NvidiaSmi, ItsOwnWordsAndTheCureOfItsExitStatusAreTheProblem) {
  const SmiAnswer answer = ask("echo 'NVIDIA-SMI has failed because it could not talk to the driver.'; exit 9\n");
  ASSERT_TRUE(answer.problem);
  EXPECT_THAT(answer.problem->what.en, HasSubstr("could not talk to the driver"));
  EXPECT_EQ(answer.problem->code, 9);
  EXPECT_THAT(answer.problem->cure.en, HasSubstr("modprobe"));
  EXPECT_TRUE(answer.gpus.empty());
}

TEST_F(NvidiaSmi, OneThatHangsIsGivenUp) {
  const SmiAnswer answer = ask("sleep 1000\n", std::chrono::milliseconds(200));
  ASSERT_TRUE(answer.problem);
  EXPECT_THAT(answer.problem->what.en, HasSubstr("did not answer within 0.2 s"));
  EXPECT_FALSE(answer.problem->cure.zh.empty());
}

TEST_F(NvidiaSmi, OneThatIsNotInstalledIsAProblemThatNamesIt) {
  environment_.set("WRING_NVIDIA_SMI", kMissingNvidiaSmi);
  const SmiAnswer answer = ask_nvidia_smi();
  ASSERT_TRUE(answer.problem);
  EXPECT_THAT(answer.problem->what.en, HasSubstr(kMissingNvidiaSmi));
  EXPECT_THAT(answer.problem->cure.en, HasSubstr("install the NVIDIA driver"));
}

}  // namespace
}  // namespace wring

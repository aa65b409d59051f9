#include "wring/gpu/inventory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fixtures/fake_machine.h"
#include "fixtures/scoped_environment.h"
#include "fixtures/temporary_folder.h"

namespace wring {
namespace {

using namespace testing_support;
using testing::HasSubstr;

class TakeInventory : public testing::Test {
 protected:
  void SetUp() override { environment_.set("WRING_NVIDIA_SMI", kMissingNvidiaSmi); }

  Inventory of(const std::string& machine, const std::string& library = "current") {
    environment_.set("WRING_NVML_LIBRARY", fake_nvml(library));
    environment_.set("WRING_FAKE_NVML", machine_file(machine));
    return take_inventory();
  }
  Inventory of_text(const std::string& machine) {
    environment_.set("WRING_NVML_LIBRARY", fake_nvml());
    environment_.set("WRING_FAKE_NVML", folder_.write("machine.txt", machine));
    return take_inventory();
  }

  TemporaryFolder folder_;
  ScopedEnvironment environment_;
};

TEST_F(TakeInventory, TellsEverythingAboutACard) {
  const Inventory inventory = of("rtx4090");
  EXPECT_EQ(inventory.source, GpuSource::nvml);
  EXPECT_EQ(inventory.driver_version, "550.54.15");
  EXPECT_TRUE(inventory.problems.empty());
  ASSERT_EQ(inventory.gpus.size(), 1u);
  const Gpu& gpu = inventory.gpus[0];
  EXPECT_EQ(gpu.name, "NVIDIA GeForce RTX 4090");
  EXPECT_EQ(gpu.uuid, "GPU-4090aaaa-0000-4000-8000-000000000001");
  EXPECT_EQ(gpu.pci_bus_id, "00000000:01:00.0");
  EXPECT_EQ(gpu.memory_total_mib, 24564);
  EXPECT_EQ(gpu.memory_used_mib, 310);
  EXPECT_EQ(gpu.memory_reserved_mib, 420);
  EXPECT_EQ(gpu.compute_capability_major, 8);
  EXPECT_EQ(gpu.compute_capability_minor, 9);
  EXPECT_FALSE(gpu.problem);
}

TEST_F(TakeInventory, TellsSeveralCardsApart) {
  const Inventory inventory = of("two_h200s");
  ASSERT_EQ(inventory.gpus.size(), 2u);
  EXPECT_EQ(inventory.gpus[1].index, 1);
  EXPECT_EQ(inventory.gpus[0].memory_used_mib, 0);
  EXPECT_EQ(inventory.gpus[1].memory_used_mib, 5120);
  EXPECT_NE(inventory.gpus[0].uuid, inventory.gpus[1].uuid);
}

TEST_F(TakeInventory, AVersionMismatchGivesTheCodeAndTheCureAndThenAsksNvidiaSmi) {
  const Inventory inventory = of("version_mismatch");
  EXPECT_EQ(inventory.source, GpuSource::none);
  EXPECT_TRUE(inventory.gpus.empty());
  ASSERT_EQ(inventory.problems.size(), 2u);
  EXPECT_EQ(inventory.problems[0].code, 18);
  EXPECT_THAT(inventory.problems[0].what.en, HasSubstr("(code 18)"));
  EXPECT_THAT(inventory.problems[0].cure.en, HasSubstr("reboot"));
  EXPECT_THAT(inventory.problems[1].what.en, HasSubstr("nvidia-smi"));
}

TEST_F(TakeInventory, ALostCardIsMarkedAndTheOthersAreWhole) {
  const Inventory inventory = of("lost_gpu");
  EXPECT_EQ(inventory.source, GpuSource::nvml);
  ASSERT_EQ(inventory.gpus.size(), 2u);
  EXPECT_FALSE(inventory.gpus[0].problem);
  EXPECT_EQ(inventory.gpus[0].memory_total_mib, 24576);
  ASSERT_TRUE(inventory.gpus[1].problem);
  EXPECT_EQ(inventory.gpus[1].problem->code, 15);
  EXPECT_FALSE(inventory.gpus[1].memory_total_mib);
}

TEST_F(TakeInventory, ACardThatIsLostWhileItIsReadIsMarkedToo) {
  const Inventory inventory = of_text(
      "card\nname A\nmemory_total_mib 100\nmemory_used_mib 1\nmemory_reserved_mib 1\n"
      "error nvmlDeviceGetMemoryInfo 15\nerror nvmlDeviceGetMemoryInfo_v2 15\n");
  ASSERT_EQ(inventory.gpus.size(), 1u);
  EXPECT_EQ(inventory.gpus[0].name, "A");
  ASSERT_TRUE(inventory.gpus[0].problem);
  EXPECT_EQ(inventory.gpus[0].problem->code, 15);
}

TEST_F(TakeInventory, ADeniedCardSaysHowToGetAccess) {
  const Inventory inventory = of("permission_denied");
  ASSERT_EQ(inventory.gpus.size(), 1u);
  ASSERT_TRUE(inventory.gpus[0].problem);
  EXPECT_EQ(inventory.gpus[0].problem->code, 4);
  EXPECT_THAT(inventory.gpus[0].problem->cure.en, HasSubstr("--gpus all"));
}

TEST_F(TakeInventory, AnOldDriverGivesTheFirstLayoutOfMemoryAndNoReservedPart) {
  const Inventory inventory = of("old_driver", "old_driver");
  EXPECT_EQ(inventory.driver_version, "450.80.02");
  ASSERT_EQ(inventory.gpus.size(), 1u);
  EXPECT_EQ(inventory.gpus[0].memory_total_mib, 8119);
  EXPECT_EQ(inventory.gpus[0].memory_used_mib, 260) << "the first layout counts the reserved part as used";
  EXPECT_FALSE(inventory.gpus[0].memory_reserved_mib);
  EXPECT_FALSE(inventory.gpus[0].compute_capability_major);
  EXPECT_FALSE(inventory.gpus[0].problem);
}

TEST_F(TakeInventory, ACardThatSharesTheComputersMemoryHasNoneOfItsOwnAndNoProblem) {
  const Inventory inventory = of_text("card\nname NVIDIA GB10\ncompute_capability 12.1\n");
  ASSERT_EQ(inventory.gpus.size(), 1u);
  EXPECT_FALSE(inventory.gpus[0].memory_total_mib);
  EXPECT_FALSE(inventory.gpus[0].problem);
  EXPECT_EQ(inventory.gpus[0].compute_capability_major, 12);
}

TEST_F(TakeInventory, ADriverWithoutCardsIsAProblemWithACure) {
  const Inventory inventory = of("none");
  EXPECT_EQ(inventory.source, GpuSource::nvml);
  EXPECT_TRUE(inventory.gpus.empty());
  ASSERT_EQ(inventory.problems.size(), 1u);
  EXPECT_THAT(inventory.problems[0].what.en, HasSubstr("no GPU"));
  EXPECT_FALSE(inventory.problems[0].cure.zh.empty());
}

TEST_F(TakeInventory, ACountThatFailsFallsBackToNvidiaSmi) {
  environment_.set("WRING_NVIDIA_SMI",
                   folder_.write_script("nvidia-smi", "echo '0, GPU-a, Tesla T4, 0:1, 15360, 3, 400, 7.5, 550.1'\n"));
  const Inventory inventory = of_text("error nvmlDeviceGetCount_v2 999\n");
  EXPECT_EQ(inventory.source, GpuSource::nvidia_smi);
  EXPECT_EQ(inventory.driver_version, "550.1");
  ASSERT_EQ(inventory.gpus.size(), 1u);
  EXPECT_EQ(inventory.gpus[0].name, "Tesla T4");
  ASSERT_EQ(inventory.problems.size(), 1u);
  EXPECT_EQ(inventory.problems[0].code, 999);
}

TEST_F(TakeInventory, WithNothingInstalledBothReasonsAreGiven) {
  environment_.set("WRING_NVML_LIBRARY", kMissingLibrary);
  const Inventory inventory = take_inventory();
  EXPECT_EQ(inventory.source, GpuSource::none);
  ASSERT_EQ(inventory.problems.size(), 2u);
  EXPECT_EQ(inventory.problems[0].code, 12);
  EXPECT_THAT(inventory.problems[0].cure.en, HasSubstr("install the NVIDIA driver"));
  EXPECT_THAT(inventory.problems[1].what.en, HasSubstr("nvidia-smi"));
}

TEST_F(TakeInventory, ALibraryThatCannotBeLoadedSaysWhy) {
  environment_.set("WRING_NVML_LIBRARY", folder_.write("libnvidia-ml.so.1", "not a library"));
  const Inventory inventory = take_inventory();
  ASSERT_FALSE(inventory.problems.empty());
  EXPECT_THAT(inventory.problems[0].what.en, HasSubstr("file too short"));
}

}  // namespace
}  // namespace wring

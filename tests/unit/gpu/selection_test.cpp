#include "wring/gpu/selection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "wring/base/error.h"

namespace wring {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<Gpu> machine() {
  std::vector<Gpu> gpus(4);
  gpus[0] = {.index = 0, .uuid = "GPU-8f3a1111", .pci_bus_id = "00000000:19:00.0"};
  gpus[1] = {.index = 0, .uuid = "MIG-77aa0000", .pci_bus_id = "00000000:19:00.0", .mig_parent = "GPU-8f3a1111"};
  gpus[2] = {.index = 1, .uuid = "GPU-8f3b2222", .pci_bus_id = "00000000:3B:00.0"};
  gpus[3] = {.index = 2, .uuid = "GPU-99990000", .pci_bus_id = "00000001:3B:00.0"};
  return gpus;
}

TEST(SelectGpus, NoNamesMeanAll) {
  EXPECT_THAT(select_gpus(machine(), {}), ElementsAre(0, 1, 2, 3));
}

TEST(SelectGpus, AnIndexMeansTheCardWithItsInstances) {
  EXPECT_THAT(select_gpus(machine(), {"0"}), ElementsAre(0, 1));
  EXPECT_THAT(select_gpus(machine(), {"2", "1"}), ElementsAre(2, 3));
}

TEST(SelectGpus, AUuidOrItsBeginningInAnyCase) {
  EXPECT_THAT(select_gpus(machine(), {"gpu-8F3B"}), ElementsAre(2));
  EXPECT_THAT(select_gpus(machine(), {"MIG-77aa0000"}), ElementsAre(1));
}

TEST(SelectGpus, ABusIdWithOrWithoutItsDomain) {
  EXPECT_THAT(select_gpus(machine(), {"0000:19:00.0"}), ElementsAre(0, 1));
  EXPECT_THAT(select_gpus(machine(), {"19:00.0"}), ElementsAre(0, 1));
  EXPECT_THAT(select_gpus(machine(), {"00000001:3b:00.0"}), ElementsAre(3));
}

TEST(SelectGpus, EachCardOnce) {
  EXPECT_THAT(select_gpus(machine(), {"1", "GPU-8f3b2222", "1"}), ElementsAre(2));
}

TEST(SelectGpus, AnUnknownOrAmbiguousNameIsAUsageErrorThatListsTheCards) {
  for (const char* name : {"7", "GPU-nope", "GPU-8f", "3B:00.0", "9:00.0", "", "GPU"}) {
    try {
      select_gpus(machine(), {name});
      ADD_FAILURE() << name;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::usage) << name;
      EXPECT_THAT(error.message().en, HasSubstr(name));
      EXPECT_THAT(error.hint().en, HasSubstr("GPU-99990000"));
      EXPECT_THAT(error.hint().zh, HasSubstr("GPU-99990000"));
    }
  }
}

}  // namespace
}  // namespace wring

#include "wring/gpu/selection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "wring/base/error.h"

namespace wring {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Gpu gpu(int index, const std::string& uuid, const std::string& bus_id, const std::string& mig_parent = "") {
  Gpu made;
  made.index = index;
  made.uuid = uuid;
  made.pci_bus_id = bus_id;
  made.mig_parent = mig_parent;
  return made;
}

std::vector<Gpu> machine() {
  return {gpu(0, "GPU-8f3a1111", "00000000:19:00.0"), gpu(0, "MIG-77aa0000", "00000000:19:00.0", "GPU-8f3a1111"),
          gpu(1, "GPU-8f3b2222", "00000000:3B:00.0"), gpu(2, "GPU-99990000", "00000001:3B:00.0")};
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

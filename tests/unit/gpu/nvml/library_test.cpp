#include "wring/gpu/nvml/library.h"

#include <gtest/gtest.h>

#include "fixtures/fake_machine.h"
#include "fixtures/scoped_environment.h"
#include "fixtures/temporary_folder.h"
#include "wring/gpu/nvml/errors.h"

namespace wring::nvml {
namespace {

using namespace testing_support;

TEST(NvmlLibrary, AMissingLibraryIsAStatusWithTheLoadersWords) {
  ScopedEnvironment environment;
  environment.set("WRING_NVML_LIBRARY", kMissingLibrary);
  const Library library;
  EXPECT_EQ(library.status(), kLibraryNotFound);
  EXPECT_NE(library.failure().find(kMissingLibrary), std::string::npos);
  EXPECT_EQ(call(library.functions().init), kFunctionNotFound);
}

TEST(NvmlLibrary, AFileThatIsNoLibraryIsNotOpened) {
  const TemporaryFolder folder;
  ScopedEnvironment environment;
  environment.set("WRING_NVML_LIBRARY", folder.write("libnvidia-ml.so.1", "not a library"));
  const Library library;
  EXPECT_EQ(library.status(), kLibraryNotFound);
  EXPECT_FALSE(library.failure().empty());
}

TEST(NvmlLibrary, ALibraryWithoutTheVersionedInitLacksAFunction) {
  ScopedEnvironment environment;
  environment.set("WRING_NVML_LIBRARY", fake_nvml("empty"));
  EXPECT_EQ(Library().status(), kFunctionNotFound);
}

// As driver 580.159.04 does on cards joined by NVLink.
TEST(NvmlLibrary, FieldsHaveASpareBehindThemThatTheDriverIsNotToldOfAndPassesOver) {
  Functions functions;
  functions.field_values = [](Device, int count, FieldValue* values) -> Return {
    values[0].value.as_u32 = static_cast<std::uint32_t>(count);
    if (values[count].result == kSuccess) return 999;
    values[count].timestamp_us = 1;
    return kSuccess;
  };
  std::vector<FieldValue> values(4);
  values.pop_back();  // what lies behind is memory of the vector, and zero
  for (int tick = 0; tick < 2; ++tick) {
    EXPECT_EQ(read_fields(functions, nullptr, values), kSuccess);
    EXPECT_EQ(values.size(), 3U);
    EXPECT_EQ(values[0].value.as_u32, 3U);
  }
}

TEST(NvmlLibrary, FunctionsThatAnOldDriverLacksAreNullAndTheOthersWork) {
  ScopedEnvironment environment;
  environment.set("WRING_NVML_LIBRARY", fake_nvml("old_driver"));
  environment.set("WRING_FAKE_NVML", machine_file("old_driver"));
  const Library library;
  ASSERT_EQ(library.status(), kSuccess);
  EXPECT_EQ(library.functions().device_memory_v2, nullptr);
  EXPECT_EQ(library.functions().error_string, nullptr);
  EXPECT_EQ(library.describe(kGpuIsLost), "");
  unsigned count = 0;
  EXPECT_EQ(call(library.functions().device_count, &count), kSuccess);
  EXPECT_EQ(count, 1u);
}

TEST(NvmlLibrary, TheLibrarysOwnWordsForACodeAreOffered) {
  ScopedEnvironment environment;
  environment.set("WRING_NVML_LIBRARY", fake_nvml());
  environment.set("WRING_FAKE_NVML", machine_file("rtx4090"));
  EXPECT_EQ(Library().describe(kGpuIsLost), "GPU is lost");
}

TEST(NvmlLibrary, ItIsShutDownWithTheObjectSoThatItCanBeOpenedAgain) {
  ScopedEnvironment environment;
  environment.set("WRING_NVML_LIBRARY", fake_nvml());
  environment.set("WRING_FAKE_NVML", machine_file("two_h200s"));
  const Library outer;
  ASSERT_EQ(outer.status(), kSuccess);
  { const Library inner; }
  unsigned count = 0;
  EXPECT_EQ(call(outer.functions().device_count, &count), 1) << "the inner object did not shut the library down";
}

}  // namespace
}  // namespace wring::nvml

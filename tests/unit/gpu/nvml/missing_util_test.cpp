#include "wring/gpu/nvml/missing_util.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fixtures/fake_nvml.h"
#include "fixtures/temporary_folder.h"

namespace wring {
namespace {

using namespace testing_support;
using testing::HasSubstr;

TEST(MissingUtil, UnderWslTheDriverIsWindowss) {
  const TemporaryFolder root;
  EXPECT_FALSE(under_wsl(root.path()));
  root.write("proc/version", "Linux version 6.1.0-18-amd64 (debian-kernel@lists.debian.org)\n");
  EXPECT_FALSE(under_wsl(root.path()));
  for (const char* kernel : {"5.15.153.1-microsoft-standard-WSL2", "4.4.0-19041-Microsoft"}) {
    root.write("proc/version", std::string("Linux version ") + kernel + " (root@1) #1 SMP\n");
    EXPECT_TRUE(under_wsl(root.path())) << kernel;
  }
  FakeNvml nvml;
  TelemetryOptions options;
  options.root = root.path();
  const auto telemetry = nvml.open("card\nname A\nuuid GPU-a\n", options);
  EXPECT_THAT(telemetry->gpus().at(0).no_util.value().cure.en, HasSubstr("nvidia-smi.exe"));
}

TEST(MissingUtil, WhatIsKnownOfTheCardGoesBeforeTheReading) {
  Gpu gpu;
  EXPECT_THAT(why_no_gpu_util(gpu, Reading{}).what.en, HasSubstr("the driver does not report GPU-Util"));
  EXPECT_THAT(why_no_gpu_util(gpu, Reading::failed(4)).what.en, HasSubstr("no permission (code 4)"));
  EXPECT_THAT(why_no_gpu_util(gpu, Reading::failed(Reading::kRejected)).what.en, HasSubstr("cannot be"));
  gpu.no_util = kMigCardHasNoUtil;
  EXPECT_THAT(why_no_gpu_util(gpu, Reading{}).what.en, HasSubstr("MIG is on"));
}

}  // namespace
}  // namespace wring

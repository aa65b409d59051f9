#include "wring_train/data/data_tier.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "wring/base/error.h"

namespace wring {
namespace {
using testing::HasSubstr;

constexpr std::int64_t kMib = 1 << 20;

TierChoice choose(const std::string& wanted, std::int64_t needed_mib, std::optional<std::int64_t> gpu_mib,
                  std::int64_t host_mib, bool kernels = true) {
  TierFacts facts{wanted, needed_mib * kMib, host_mib * kMib, std::nullopt, kernels};
  if (gpu_mib) facts.gpu_free_bytes = *gpu_mib * kMib;
  return choose_data_tier(facts);
}

TEST(DataTier, AutoTakesTheGpuUpToAQuarterOfItsFreeMemory) {
  const TierChoice choice = choose("auto", 1000, 4000, 100);
  EXPECT_EQ(choice.tier, DataTier::gpu);
  EXPECT_THAT(choice.reason.en, HasSubstr("1000 MiB decoded, 4000 MiB of GPU memory free"));
  EXPECT_THAT(choice.reason.zh, HasSubstr("显存剩余 4000 MiB"));
  EXPECT_EQ(choose("auto", 1001, 4000, 100'000).tier, DataTier::host);
}

TEST(DataTier, AutoTakesTheHostUpToHalfOfWhatIsAvailable) {
  EXPECT_EQ(choose("auto", 1000, std::nullopt, 2000).tier, DataTier::host);
  EXPECT_EQ(choose("auto", 1000, 100, 2000).tier, DataTier::host);
  const TierChoice choice = choose("auto", 1001, 100, 2000);
  EXPECT_EQ(choice.tier, DataTier::none);
  EXPECT_THAT(choice.reason.en, HasSubstr("1001 MiB decoded, 2000 MiB of host memory available"));
}

TEST(DataTier, ADemandedTierIsTakenWhenItFitsAtAll) {
  EXPECT_EQ(choose("gpu", 3999, 4000, 100).tier, DataTier::gpu);
  EXPECT_EQ(choose("host", 1000, 100'000, 2000).tier, DataTier::host);
  EXPECT_EQ(choose("none", 1, 4000, 100'000).tier, DataTier::none);
}

TEST(DataTier, ADemandedTierThatDoesNotFitIsAnErrorWithNumbersAndCure) {
  const auto message = [](const std::string& wanted) {
    try {
      choose(wanted, 5000, 4000, 6000);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::failed);
      return error.message().en + " | " + error.hint().en;
    }
    return std::string("no error");
  };
  EXPECT_THAT(message("gpu"), testing::AllOf(HasSubstr("5000 MiB decoded, 4000 MiB of GPU memory free"),
                                             HasSubstr("use data_cache: host or auto")));
  EXPECT_THAT(message("host"), testing::AllOf(HasSubstr("5000 MiB decoded, 6000 MiB of host memory available"),
                                              HasSubstr("use data_cache: none or auto")));
}

TEST(DataTier, WithoutAGpuOrWithoutKernelsGpuMeansHostAndSaysWhy) {
  const TierChoice no_gpu = choose("gpu", 10, std::nullopt, 1000);
  EXPECT_EQ(no_gpu.tier, DataTier::host);
  EXPECT_THAT(no_gpu.reason.en, HasSubstr("there is no GPU"));
  const TierChoice no_kernels = choose("gpu", 10, 1000, 1000, false);
  EXPECT_EQ(no_kernels.tier, DataTier::host);
  EXPECT_THAT(no_kernels.reason.en, HasSubstr("no CUDA kernels"));
}

}  // namespace
}  // namespace wring

#include "wring_train/kernels/step/batch_to_float.h"

#include <limits>

#include "gpu_test.h"
#include "wring/base/error.h"
#include "wring_train/engine/eager/batch_tensor.h"
#include "wring_train/kernels/available.h"

namespace wring {
namespace {

class BatchToFloat : public GpuTest {
 protected:
  void SetUp() override {
    GpuTest::SetUp();
    if (!IsSkipped() && !kernels::available()) {
      GTEST_SKIP() << "This build has no CUDA sources.";
    }
  }
  static constexpr float kPoison = std::numeric_limits<float>::quiet_NaN();
};

TEST_F(BatchToFloat, EveryElementEqualsAtensCpuDivisionBitForBit) {
  // Around the kernel's four-wide loads and 1024-element blocks.
  for (const std::int64_t count : {1, 2, 3, 4, 5, 255, 1023, 1024, 1025, 4099, 1'000'003}) {
    const auto bytes = random_bytes({count}, 100 + count);
    const auto expected = bytes.to(at::kFloat).div(255);
    const auto on_gpu = bytes.cuda();
    auto floats = at::full({count + 8}, kPoison, on_gpu.options().dtype(at::kFloat));
    kernels::batch_to_float(on_gpu.const_data_ptr<std::uint8_t>(), count, floats.data_ptr<float>(), nullptr);
    EXPECT_TRUE(at::equal(floats.cpu().narrow(0, 0, count), expected)) << count;
    EXPECT_TRUE(floats.narrow(0, count, 8).isnan().all().item<bool>()) << "wrote past the end of " << count;
  }
}

TEST_F(BatchToFloat, UnalignedMemoryGivesTheSame) {
  const auto bytes = random_bytes({1001}, 1);
  const auto expected = bytes.to(at::kFloat).div(255);
  const auto on_gpu = bytes.cuda();
  for (const std::int64_t skipped : {1, 2, 3}) {
    const auto part = on_gpu.narrow(0, skipped, 1001 - skipped);
    auto floats = at::full({1002}, kPoison, on_gpu.options().dtype(at::kFloat));
    auto target = floats.narrow(0, 1, part.numel());
    kernels::batch_to_float(part.const_data_ptr<std::uint8_t>(), part.numel(), target.data_ptr<float>(), nullptr);
    EXPECT_TRUE(at::equal(target.cpu(), expected.narrow(0, skipped, part.numel()))) << skipped;
    EXPECT_TRUE(floats[0].isnan().item<bool>());
  }
}

TEST_F(BatchToFloat, Bfloat16IsTheRoundedQuotient) {
  const auto bytes = at::arange(256, at::kByte).repeat({5}).narrow(0, 0, 1277);
  const auto on_gpu = bytes.cuda();
  auto narrow = at::full({1277}, kPoison, on_gpu.options().dtype(at::kBFloat16));
  kernels::batch_to_bfloat16(on_gpu.const_data_ptr<std::uint8_t>(), 1277, narrow.data_ptr(), nullptr);
  EXPECT_TRUE(at::equal(narrow.cpu(), bytes.to(at::kFloat).div(255).to(at::kBFloat16)));
}

TEST_F(BatchToFloat, NothingToDoIsNoError) {
  EXPECT_NO_THROW(kernels::batch_to_float(nullptr, 0, nullptr, nullptr));
}

TEST_F(BatchToFloat, ABatchOfImagesIsTheSameOnBothDevices) {
  const auto batch = random_bytes({3, 17, 23, 3}, 2);
  for (const auto type : {at::kFloat, at::kBFloat16}) {
    const auto floats = images_to_float(batch.cuda(), type);
    EXPECT_TRUE(floats.is_cuda() && floats.is_contiguous(at::MemoryFormat::ChannelsLast));
    EXPECT_TRUE(at::equal(floats.cpu(), images_to_float(batch, type)));
  }
}

}  // namespace
}  // namespace wring

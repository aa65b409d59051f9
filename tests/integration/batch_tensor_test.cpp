#include "wring_train/engine/eager/batch_tensor.h"

#include "nn_test.h"

namespace wring {
namespace {

using testing_nn::error_of;

TEST(ImagesToFloat, EveryByteIsDividedBy255AndTheLayoutStays) {
  const auto bytes = at::arange(256, at::kByte).repeat({3}).view({2, 8, 16, 3});
  const auto batch = images_to_float(bytes);
  EXPECT_THAT(batch.sizes().vec(), testing::ElementsAre(2, 3, 8, 16));
  EXPECT_TRUE(batch.is_contiguous(at::MemoryFormat::ChannelsLast));
  for (int i = 0; i < 768; ++i) {
    const int n = i / 384, y = i % 384 / 48, x = i % 48 / 3, c = i % 3;
    EXPECT_EQ(batch[n][c][y][x].item<float>(), static_cast<float>(i % 256) / 255.0F) << i;
  }
}

TEST(ImagesToFloat, Bf16IsTheRoundedQuotient) {
  const auto bytes = at::arange(192, at::kByte).view({1, 8, 8, 3});
  const auto batch = images_to_float(bytes, at::kBFloat16);
  EXPECT_TRUE(at::equal(batch, images_to_float(bytes).to(at::kBFloat16)));
}

TEST(ImagesToFloat, AnythingButABatchOfBytesIsRefused) {
  EXPECT_THAT(error_of([] { images_to_float(at::zeros({1, 4, 4, 3})); }), testing::HasSubstr("Float (1, 4, 4, 3)"));
  EXPECT_THAT(error_of([] { images_to_float(at::zeros({1, 3, 4, 4}, at::kByte)); }), testing::HasSubstr("1, 3, 4, 4"));
  EXPECT_THAT(error_of([] {
                images_to_float(at::zeros({1, 4, 4, 3}, at::kByte).transpose(1, 2));
              }),
              testing::HasSubstr("contiguous"));
  EXPECT_THAT(error_of([] {
                images_to_float(at::zeros({1, 4, 4, 3}, at::kByte), at::kHalf);
              }),
              testing::HasSubstr("Half"));
}

}  // namespace
}  // namespace wring

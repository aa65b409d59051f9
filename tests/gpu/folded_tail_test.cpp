#include "wring_train/nn/folded_tail.h"

#include "gpu_test.h"
#include "wring_train/nn/edsr.h"

namespace wring {
namespace {

class FoldedTailOnGpu : public GpuTest {
 protected:
  // Output and gradients of features and of all weights, for the same random gradient of the output.
  static std::vector<at::Tensor> pass(const Edsr& net, TailPath path, const at::Tensor& features, at::ScalarType type) {
    std::vector<at::Tensor> weights = net.tensors();
    for (auto& weight : weights) weight = weight.detach().to(type).set_requires_grad(true);
    const auto input = features.to(type).set_requires_grad(true);
    const auto output = net.tail_with(weights, input, path);
    output.backward(random_images(output.sizes(), 3).sub(0.5).to(output.device(), type));
    std::vector<at::Tensor> result{output, input.grad()};
    for (const auto& weight : net.tail_weights(weights)) result.push_back(weight.grad());
    return result;
  }
};

TEST_F(FoldedTailOnGpu, EqualsThePlainTailWithAllGradientsInFloat64AndFp32) {
  for (const std::int64_t scale : {2, 3, 4, 8}) {
    for (const auto& [height, width] : {std::pair{3, 3}, {4, 7}, {13, 11}}) {
      for (const bool channels_last : {false, true}) {
        Edsr net({.channels = 16, .blocks = 1, .scale = scale}, 1);
        net.to(at::kCUDA, channels_last);
        const auto format = channels_last ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Contiguous;
        const auto features = random_images({2, 16, height, width}, 2).sub(0.5).cuda().contiguous(format);
        for (const auto type : {at::kDouble, at::kFloat}) {
          const auto expected = pass(net, TailPath::plain, features, at::kDouble);
          const auto actual = pass(net, TailPath::folded, features, type);
          for (std::size_t i = 0; i < expected.size(); ++i) {
            EXPECT_LT(relative_difference(actual[i], expected[i]), type == at::kDouble ? 1e-10 : 1e-4)
                << "scale " << scale << ", " << height << "×" << width << ", tensor " << i;
          }
        }
      }
    }
  }
}

TEST_F(FoldedTailOnGpu, Bf16FeaturesStayCloseToFp32) {
  Edsr net({.channels = 32, .blocks = 1, .scale = 4}, 4);
  net.to(at::kCUDA, true);
  const auto features = random_images({2, 32, 24, 24}, 5).sub(0.5).cuda().contiguous(at::MemoryFormat::ChannelsLast);
  const auto expected = net.tail_with(net.tensors(), features);
  const auto actual = net.tail_with(net.tensors(), features.to(at::kBFloat16), TailPath::folded);
  EXPECT_EQ(actual.scalar_type(), at::kBFloat16);
  EXPECT_LT(relative_difference(actual, expected), 0.02);
}

}  // namespace
}  // namespace wring

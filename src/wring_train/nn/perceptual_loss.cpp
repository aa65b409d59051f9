#include <fmt/format.h>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include "wring_train/nn/loss.h"

namespace wring {
namespace {

constexpr std::uint64_t kSeed = 19;  // any fixed one: the loss must be the same in every run

at::Tensor widened(const at::Tensor& x) {
  return at::isReducedFloatingType(x.scalar_type()) ? x.to(at::kFloat) : x;
}

}  // namespace

PerceptualLoss::PerceptualLoss(const std::filesystem::path& weights, at::Device device, bool channels_last)
    : vgg_(weights.empty() ? Vgg19::random(kSeed) : Vgg19::load(weights)) {
  vgg_.to(device, channels_last);
  note_ = weights.empty()
              ? "The perceptual loss uses a VGG-19 with fixed random weights: it compares structure, but not "
                "what "
                "a VGG trained on ImageNet has learnt. Give trained weights with perceptual_weights_file."
              : fmt::format("The perceptual loss uses the VGG-19 weights of {}.", weights.string());
}

at::Tensor PerceptualLoss::operator()(const at::Tensor& sr, const at::Tensor& hr) const {
  at::Tensor target;
  {
    const c10::NoGradGuard no_grad;
    target = widened(vgg_.conv5_4(hr));
  }
  return at::l1_loss(widened(vgg_.conv5_4(sr)), target);
}

}  // namespace wring

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

PerceptualLoss::PerceptualLoss(const VggWeights& weights, at::Device device, bool channels_last)
    : vgg_(weights.file.empty() ? Vgg19::random(kSeed) : Vgg19::load(weights.file)), note_(describe(weights)) {
  vgg_.to(device, channels_last);
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

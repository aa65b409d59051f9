#include "wring_train/nn/edsr.h"

#include <cmath>

#include <fmt/format.h>

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

#include "wring/base/error.h"
#include "wring/plan/edsr_shape.h"
#include "wring_train/nn/folded_tail.h"

namespace wring {
namespace {

constexpr double kRange = 255.0;

void check(const EdsrShape& shape) {
  if (!edsr_has_scale(shape.scale)) {
    throw Error(ErrorCode::usage, fmt::format("scale_factor is {}; EDSR has no such scale.", shape.scale),
                "Use 1, 2, 3, 4 or 8.");
  }
  if (shape.channels < 1 || shape.blocks < 1) {
    throw Error(ErrorCode::usage,
                fmt::format("An EDSR of {} channels and {} blocks cannot be built.", shape.channels, shape.blocks),
                "base_channels and num_blocks are at least 1.");
  }
}

// The convolutions in the order of the parameters: weight 2i, bias 2i + 1.
at::Tensor conv(const std::vector<at::Tensor>& weights, std::size_t index, const at::Tensor& x) {
  return at::conv2d(x, weights[2 * index], weights[2 * index + 1], 1, 1);
}

// On CUDA at::pixel_shuffle leaves channels-last behind, and the next convolution copies its input back into
// it. Here one copy writes channels-last at once.
at::Tensor shuffle_pixels(const at::Tensor& x, std::int64_t r) {
  if (!x.is_cuda() || !x.is_contiguous(at::MemoryFormat::ChannelsLast)) {
    return at::pixel_shuffle(x, r);
  }
  const auto n = x.size(0), c = x.size(1) / (r * r), h = x.size(2), w = x.size(3);
  return x.permute({0, 2, 3, 1})
      .reshape({n, h, w, c, r, r})
      .permute({0, 1, 4, 2, 5, 3})
      .reshape({n, h * r, w * r, c})
      .permute({0, 3, 1, 2});
}

}  // namespace

std::vector<ParameterShape> edsr_parameters(EdsrShape shape) {
  check(shape);
  const auto c = shape.channels;
  std::vector<ParameterShape> result;
  const auto add = [&](const std::string& name, std::int64_t out, std::int64_t in) {
    result.push_back({name + ".weight", {out, in, 3, 3}});
    result.push_back({name + ".bias", {out}});
  };
  add("conv_first", c, 3);
  for (std::int64_t block = 0; block < shape.blocks; ++block) {
    add(fmt::format("body.{}.conv1", block), c, c);
    add(fmt::format("body.{}.conv2", block), c, c);
  }
  add("conv_after_body", c, c);
  const auto [stages, factor] = edsr_upsampling(shape.scale);
  for (std::int64_t stage = 0; stage < stages; ++stage) {
    // BasicSR's nn.Sequential alternates convolution and pixel shuffle: convolutions have the even numbers.
    add(fmt::format("upsample.{}", 2 * stage), c * factor * factor, c);
  }
  add("conv_last", 3, c);
  return result;
}

Edsr::Edsr(EdsrShape shape, std::uint64_t seed) : shape_(shape) {
  auto generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  double bound = 0.0;
  for (auto& [name, sizes] : edsr_parameters(shape)) {
    auto tensor = at::empty(sizes, at::kFloat);
    if (sizes.size() == 4) {
      // Kaiming uniform with a = √5 is ±1/√fan_in; the bias that follows its weight has the same bound.
      bound = 1.0 / std::sqrt(static_cast<double>(sizes[1] * sizes[2] * sizes[3]));
    }
    tensor.uniform_(-bound, bound, generator);
    parameters_.push_back({std::move(name), std::move(tensor)});
  }
  mean_ = at::tensor(at::ArrayRef<float>(kEdsrMean)).view({1, 3, 1, 1});
  scaled_mean_ = mean_ * -kRange;
  range_ = at::full({}, kRange, at::kFloat);
  if (shape.scale > 1) folded_tail_ = std::make_shared<FoldedTail>(shape.scale, at::Device(at::kCPU));
}

at::Tensor Edsr::forward(const at::Tensor& lr, TailPath path) const {
  return forward_with(tensors(), lr, path);
}

at::Tensor Edsr::forward_with(const std::vector<at::Tensor>& weights, const at::Tensor& lr, TailPath path) const {
  return denormalise(tail_with(weights, trunk_with(weights, lr), path));
}

at::Tensor Edsr::trunk_with(const std::vector<at::Tensor>& weights, const at::Tensor& lr,
                            const std::function<void()>& after_block) const {
  const auto x = at::addcmul(scaled_mean_, lr, range_).to(weights.front().scalar_type());
  std::size_t index = 0;
  const auto first = conv(weights, index++, x);
  auto features = first;
  for (std::int64_t block = 0; block < shape_.blocks; ++block) {
    auto inner = conv(weights, index++, features).relu_();
    features = conv(weights, index++, inner).add_(features);
    if (after_block) after_block();
  }
  return conv(weights, index, features).add_(first);
}

at::TensorList Edsr::tail_weights(const std::vector<at::Tensor>& weights) const {
  return at::TensorList(weights).slice(static_cast<std::size_t>(4 * shape_.blocks + 4));
}

at::Tensor Edsr::tail_with(const std::vector<at::Tensor>& weights, const at::Tensor& features, TailPath path) const {
  if (path == TailPath::folded && folded_tail_ && FoldedTail::fits(features)) {
    return (*folded_tail_)(tail_weights(weights), features);
  }
  auto index = static_cast<std::size_t>(2 * shape_.blocks + 2);
  const auto [stages, factor] = edsr_upsampling(shape_.scale);
  auto x = features;
  for (std::int64_t stage = 0; stage < stages; ++stage) {
    x = shuffle_pixels(conv(weights, index++, x), factor);
  }
  return conv(weights, index, x);
}

at::Tensor Edsr::denormalise(const at::Tensor& last) const {
  // One operation, which also widens a 16-bit `last`: the mean is fp32.
  return at::add(mean_, last, 1.0 / kRange);
}

std::vector<at::Tensor> Edsr::tensors() const {
  std::vector<at::Tensor> result;
  result.reserve(parameters_.size());
  for (const auto& parameter : parameters_) {
    result.push_back(parameter.tensor);
  }
  return result;
}

void Edsr::to(at::Device device, bool channels_last) {
  for (auto& [name, tensor] : parameters_) {
    const auto format =
        channels_last && tensor.dim() == 4 ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Contiguous;
    const bool trained = tensor.requires_grad();
    tensor = tensor.detach().to(device).contiguous(format).set_requires_grad(trained);
  }
  mean_ = mean_.to(device);
  scaled_mean_ = scaled_mean_.to(device);
  range_ = range_.to(device);
  if (shape_.scale > 1) folded_tail_ = std::make_shared<FoldedTail>(shape_.scale, device);
}

void Edsr::requires_grad(bool on) {
  for (auto& parameter : parameters_) {
    parameter.tensor.set_requires_grad(on);
  }
}

std::int64_t Edsr::receptive_radius() const {
  const std::int64_t trunk = 2 * shape_.blocks + 2;
  // Without upsampling conv_last adds one pixel. With it the tail reaches two, whatever the scale: conv_last
  // and every upsampling convolution after the first step at most into the next coarser pixel, together one
  // LR pixel, and the first convolution adds its own.
  return trunk + (shape_.scale == 1 ? 1 : 2);
}

}  // namespace wring

#include "wring_train/nn/vgg19.h"

#include <array>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>  // fmt::join

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/autocast_mode.h>

#include "wring/base/error.h"
#include "wring_train/nn/checkpoint.h"
#include "wring_train/weights/tensor_file.h"

namespace wring {
namespace {

// One convolution: its number in torchvision's `features`, its output channels, and whether a max-pool
// follows.
struct Layer {
  int number;
  std::int64_t channels;
  bool pool;
};
constexpr std::array<Layer, 16> kLayers = {{
    {0, 64, false},
    {2, 64, true},  //
    {5, 128, false},
    {7, 128, true},  //
    {10, 256, false},
    {12, 256, false},
    {14, 256, false},
    {16, 256, true},  //
    {19, 512, false},
    {21, 512, false},
    {23, 512, false},
    {25, 512, true},  //
    {28, 512, false},
    {30, 512, false},
    {32, 512, false},
    {34, 512, false},
}};

std::vector<std::vector<std::int64_t>> layer_sizes() {
  std::vector<std::vector<std::int64_t>> result;
  std::int64_t in = 3;
  for (const auto& layer : kLayers) {
    result.push_back({layer.channels, in, 3, 3});
    result.push_back({layer.channels});
    in = layer.channels;
  }
  return result;
}

std::string prefix_in(const std::map<std::string, TensorView>& tensors) {
  for (const char* prefix : {"features.", "module.features.", "module.", ""}) {
    if (tensors.contains(std::string(prefix) + "0.weight")) {
      return prefix;
    }
  }
  return "features.";
}

}  // namespace

Vgg19 Vgg19::load(const std::filesystem::path& path) {
  const TensorFile file(path);  // the classifier, four fifths of the whole, is never read
  const auto prefix = prefix_in(file.tensors());
  const auto sizes = layer_sizes();
  constexpr auto kHint =
      "The weights are those of torchvision's vgg19, as .pth or safetensors: "
      "features.0.weight (64×3×3×3) to features.34.bias (512).";
  std::vector<at::Tensor> weights;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const auto name = fmt::format("{}{}.{}", prefix, kLayers[i / 2].number, i % 2 == 0 ? "weight" : "bias");
    const auto found = file.tensors().find(name);
    if (found == file.tensors().end()) {
      throw Error(ErrorCode::failed, fmt::format("{} has no tensor \"{}\".", path.string(), name), kHint);
    }
    if (found->second.shape != sizes[i]) {
      throw Error(ErrorCode::failed,
                  fmt::format("{}: \"{}\" is {}, but VGG-19 has {}.", path.string(), name,
                              fmt::join(found->second.shape, "×"), fmt::join(sizes[i], "×")),
                  kHint);
    }
    weights.push_back(tensor_of(found->second, name, path).to(at::kFloat));
  }
  if (file.lost()) {
    throw Error(ErrorCode::failed,
                {path.string() + ": it was cut short while it was read, or its disk fails",
                 path.string() + "：读取时文件被截短，或磁盘故障"},
                kHint);
  }
  return Vgg19(std::move(weights));
}

Vgg19 Vgg19::random(std::uint64_t seed) {
  auto generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  std::vector<at::Tensor> weights;
  for (const auto& sizes : layer_sizes()) {
    auto tensor = at::zeros(sizes, at::kFloat);
    if (sizes.size() == 4) {
      tensor.normal_(0.0, std::sqrt(2.0 / static_cast<double>(sizes[1] * 9)), generator);
    }
    weights.push_back(std::move(tensor));
  }
  return Vgg19(std::move(weights));
}

Vgg19::Vgg19(std::vector<at::Tensor> weights) : weights_(std::move(weights)) {
  const std::array<double, 3> mean = {0.485, 0.456, 0.406}, deviation = {0.229, 0.224, 0.225};
  scale_ = at::empty({1, 3, 1, 1}, at::kFloat);
  shift_ = at::empty({1, 3, 1, 1}, at::kFloat);
  for (std::size_t c = 0; c < 3; ++c) {
    scale_.data_ptr<float>()[c] = static_cast<float>(1.0 / deviation[c]);
    shift_.data_ptr<float>()[c] = static_cast<float>(-mean[c] / deviation[c]);
  }
}

void Vgg19::to(at::Device device, bool channels_last) {
  for (auto& tensor : weights_) {
    const auto format =
        channels_last && tensor.dim() == 4 ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Contiguous;
    tensor = tensor.to(device).contiguous(format);
  }
  scale_ = scale_.to(device);
  shift_ = shift_.to(device);
  narrowed_.clear();
}

const std::vector<at::Tensor>& Vgg19::weights_in(at::ScalarType type) const {
  if (type == at::kFloat) {
    return weights_;
  }
  auto& narrowed = narrowed_[type];
  if (narrowed.empty()) {
    for (const auto& tensor : weights_) {
      narrowed.push_back(tensor.to(type));
    }
  }
  return narrowed;
}

at::Tensor Vgg19::conv5_4(const at::Tensor& images) const {
  constexpr std::int64_t kSmallest = 16;  // four max-pools leave one pixel of it
  if (images.size(2) < kSmallest || images.size(3) < kSmallest) {
    throw Error(ErrorCode::usage,
                fmt::format("The perceptual loss needs patches of at least {0}×{0} pixels, not {1}×{2}.", kSmallest,
                            images.size(2), images.size(3)),
                "Raise patch_size, or set use_perceptual: false.");
  }
  const auto device = images.device().type();
  const auto& weights = weights_in(at::autocast::is_autocast_enabled(device) ? at::autocast::get_autocast_dtype(device)
                                                                             : images.scalar_type());
  auto x = at::addcmul(shift_, images, scale_);
  for (std::size_t i = 0; i < kLayers.size(); ++i) {
    x = at::conv2d(x, weights[2 * i], weights[2 * i + 1], 1, 1);
    if (i + 1 < kLayers.size()) {
      x = x.relu_();
    }
    if (kLayers[i].pool) {
      x = at::max_pool2d(x, 2);
    }
  }
  return x;
}

}  // namespace wring

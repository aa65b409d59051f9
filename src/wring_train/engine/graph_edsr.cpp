#include "wring_train/engine/graph_edsr.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <optional>

#include <fmt/format.h>

#include <ATen/ATen.h>
#include <ATen/cuda/CUDAContext.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAGuard.h>

#include "wring_train/engine/graph_cudnn.h"
#include "wring_train/engine/graph_tail.h"
#include "wring_train/engine/side_stream.h"
#include "wring_train/kernels/conv.h"
#include "wring_train/kernels/edsr_input.h"
#include "wring_train/kernels/pixel_loss.h"
#include "wring_train/kernels/pointwise.h"

namespace wring {
namespace {

// Below this many bytes of activations and gradients, weight gradients run beside the data gradients instead of after
// them: small kernels leave the device half empty, large ones do not, and the gradients must all be kept until then.
constexpr std::int64_t kOverlapBytes = std::int64_t{2048} << 20;

void* stream() {
  return at::cuda::getCurrentCUDAStream().stream();
}

int option(const char* name, int otherwise) {
  const char* value = std::getenv(name);
  return value != nullptr ? std::atoi(value) : otherwise;
}

kernels::LossKind loss_kind(const std::string& name) {
  if (name == "mse") return kernels::LossKind::mse;
  return name == "charbonnier" ? kernels::LossKind::charbonnier : kernels::LossKind::l1;
}

at::Tensor convolve(const at::Tensor& x, const at::Tensor& weight, std::int64_t padding) {
  const at::Context& context = at::globalContext();
  return at::cudnn_convolution(x, weight, {padding, padding}, {1, 1}, {1, 1}, 1, context.benchmarkCuDNN(),
                               context.deterministicCuDNN(), true);
}

at::Tensor data_gradient(const at::Tensor& gradient, const at::Tensor& x, const at::Tensor& weight,
                         std::int64_t padding) {
  return std::get<0>(at::convolution_backward(gradient, x, weight, std::nullopt, {1, 1}, {padding, padding}, {1, 1},
                                              false, {0, 0}, 1, {true, false, false}));
}

at::Tensor weight_gradient(const at::Tensor& gradient, const at::Tensor& x, const at::Tensor& weight,
                           std::int64_t padding) {
  return std::get<1>(at::convolution_backward(gradient, x, weight, std::nullopt, {1, 1}, {padding, padding}, {1, 1},
                                              false, {0, 0}, 1, {false, true, false}));
}

class FusedEdsr : public GraphWork {
 public:
  FusedEdsr(const TrainConfig& config, const FlatVectors& vectors, kernels::LowType type, int batch, int lr_patch)
      : vectors_(vectors),
        type_(type),
        blocks_(static_cast<std::size_t>(config.num_blocks)),
        channels_(config.base_channels),
        batch_(batch),
        side_(lr_patch),
        pixels_(std::int64_t{batch} * lr_patch * lr_patch),
        tail_({config.base_channels, config.num_blocks, config.scale_factor}, type, batch, lr_patch, vectors),
        tail_stream_(vectors.parameters.device().index()),
        border_stream_(vectors.parameters.device().index()),
        weights_stream_(vectors.parameters.device().index()) {
    loss_.kind = loss_kind(config.loss);
    loss_.type = type;
    loss_.batch = batch;
    loss_.lr_patch = lr_patch;
    loss_.scale = static_cast<int>(config.scale_factor);
    const std::int64_t layers = 2 * config.num_blocks + 2;
    overlap_ = 4 * layers * pixels_ * channels_ * 2 < kOverlapBytes;
    conv_ = {batch, lr_patch, lr_patch, 3, static_cast<int>(channels_), static_cast<int>(channels_), type};
    tail_conv_ = conv_;
    tail_conv_.size = 5;
    tail_conv_.outputs = 3 * loss_.scale * loss_.scale;
    direct_ = kernels::conv_supported(conv_) && channels_ <= option("WRING_DIRECT", 64);
    direct_tail_ = kernels::conv_supported(tail_conv_) && channels_ <= option("WRING_DIRECT_TAIL", 64);
    layers_at_once_ = option("WRING_LAYERS", 5);
    if (option("WRING_OVERLAP", -1) >= 0) overlap_ = option("WRING_OVERLAP", -1) != 0;
    allocate();
    if (!direct_ && option("WRING_SUMMED", 0) != 0) summed_.emplace(as_image(first_));
  }

  std::string name() const override { return "graph, fused"; }

  void trace(const char* what) {
    if (option("WRING_TRACE", 0) != 0) {
      const auto stats = c10::cuda::CUDACachingAllocator::getDeviceStats(0);
      fprintf(stderr, "%s allocated %ld MiB peak %ld reserved %ld\n", what, stats.allocated_bytes[0].current >> 20,
              stats.allocated_bytes[0].peak >> 20, stats.reserved_bytes[0].current >> 20);
    }
  }
  MicroBatchResult enqueue(const MicroBatch& batch, const kernels::StepState* state) override {
    result_ = {};
    trace("begin");
    at::cuda::CUDAEvent composed;
    tail_stream_.run([&] {
      tail_.compose();
      composed.record();
    });
    forward(batch);
    trace("forward");
    loss(batch, state, composed);
    trace("loss");
    backward();
    trace("backward");
    tail_stream_.join();
    border_stream_.join();
    weights_stream_.join();
    tail_.append_sources(result_.sources);
    result_.loss_partials = loss_partials_;
    activations_.clear();
    return std::move(result_);
  }

 private:
  // Convolution `layer` of the trunk: 0 is conv_first, 1 … 2N the blocks', 2N + 1 conv_after_body.
  at::Tensor low_weight(std::size_t layer) const { return low_views_[2 * layer]; }
  const float* bias(std::size_t layer) const { return parameter_views_[2 * layer + 1].const_data_ptr<float>(); }
  std::size_t last_layer() const { return 2 * blocks_ + 1; }

  at::Tensor as_image(const at::Tensor& rows) const {
    return rows.view({batch_, side_, side_, rows.size(-1)}).permute({0, 3, 1, 2});
  }
  static at::Tensor as_rows(const at::Tensor& image) {
    return image.permute({0, 2, 3, 1}).reshape({-1, image.size(1)});
  }

  void allocate() {
    low_views_ = vectors_.layout.views(vectors_.low);
    parameter_views_ = vectors_.layout.views(vectors_.parameters);
    const auto low = vectors_.low.options();
    const auto fp32 = vectors_.parameters.options();
    patches_ = at::zeros({pixels_, kernels::kPatchRow}, low);
    first_weight_ = at::as_strided(vectors_.low, {channels_, kernels::kPatchRow}, {kernels::kPatchRow, 1}, 0);
    first_gradient_ = at::zeros({channels_, kernels::kPatchRow}, low);
    first_ = at::zeros({pixels_, channels_}, low);
    const int loss_blocks = kernels::pixel_loss_blocks(loss_);
    loss_partials_ = at::zeros({loss_blocks}, fp32);
    tail_bias_partials_ = at::zeros({loss_blocks, 3 * loss_.scale * loss_.scale}, fp32);
    int blocks = kernels::gradient_blocks(pixels_, static_cast<int>(channels_));
    if (direct_) blocks = std::max(blocks, kernels::conv_blocks(conv_, true));
    sums_ = at::zeros({static_cast<std::int64_t>(last_layer()) + 1, blocks, channels_}, fp32);
  }

  void forward(const MicroBatch& batch) {
    kernels::input_patches(batch.images, batch.draws, batch.size, batch.lr_patch, type_, patches_.mutable_data_ptr(),
                           stream());
    at::mm_out(first_, patches_, first_weight_.t());
    activations_.assign(1, as_image(first_));
    for (std::size_t block = 0; block < blocks_; ++block) {
      const std::size_t layer = 2 * block + 1;
      const at::Tensor x = activations_.back();
      activations_.push_back(with_relu(x, layer));
      activations_.push_back(with_residual(activations_.back(), layer + 1, x));
    }
    activations_.push_back(with_residual(activations_.back(), last_layer(), activations_.front()));
  }

  // relu(convolution + bias)
  at::Tensor with_relu(const at::Tensor& x, std::size_t layer) {
    if (!direct_) {
      return at::cudnn_convolution_relu(x, low_weight(layer), low_views_[2 * layer + 1], {1, 1}, {1, 1}, {1, 1}, 1);
    }
    kernels::ConvArguments arguments;
    arguments.relu = true;
    return direct_forward(x, layer, arguments);
  }

  // convolution + bias + residual
  at::Tensor with_residual(const at::Tensor& x, std::size_t layer, const at::Tensor& residual) {
    if (direct_) {
      kernels::ConvArguments arguments;
      arguments.addend = residual.const_data_ptr();
      return direct_forward(x, layer, arguments);
    }
    if (summed_) {
      at::Tensor out = at::empty_like(x);
      summed_->forward(x, low_weight(layer), low_views_[2 * layer + 1], residual, out);
      return out;
    }
    at::Tensor out = convolve(x, low_weight(layer), 1);
    kernels::add_bias_residual(out.const_data_ptr(), bias(layer), residual.const_data_ptr(), pixels_,
                               static_cast<int>(channels_), type_, out.mutable_data_ptr(), stream());
    return out;
  }

  at::Tensor direct_forward(const at::Tensor& x, std::size_t layer, kernels::ConvArguments& arguments) {
    at::Tensor out = at::empty_like(x);
    arguments.in = x.const_data_ptr();
    arguments.weight = low_weight(layer).const_data_ptr();
    arguments.bias = bias(layer);
    arguments.out = out.mutable_data_ptr();
    kernels::conv_forward(conv_, arguments, stream());
    return out;
  }

  at::Tensor tail_forward(const at::Tensor& features) {
    if (!direct_tail_) return convolve(features, tail_.centre_weight(), 2);
    at::Tensor out = at::empty_like(tail_.centre_gradient());
    kernels::ConvArguments arguments;
    arguments.in = features.const_data_ptr();
    arguments.weight = tail_.centre_weight().const_data_ptr();
    arguments.out = out.mutable_data_ptr();
    kernels::conv_forward(tail_conv_, arguments, stream());
    return out;
  }

  at::Tensor tail_backward(const at::Tensor& features) {
    if (!direct_tail_) return data_gradient(tail_.centre_gradient(), features, tail_.centre_weight(), 2);
    at::Tensor out = at::empty_like(features);
    kernels::ConvArguments arguments;
    arguments.in = tail_.centre_gradient().const_data_ptr();
    arguments.weight = tail_.centre_weight().const_data_ptr();
    arguments.out = out.mutable_data_ptr();
    kernels::conv_backward(tail_conv_, arguments, stream());
    return out;
  }

  void loss(const MicroBatch& batch, const kernels::StepState* state, at::cuda::CUDAEvent& composed) {
    const at::Tensor& features = activations_.back();
    tail_stream_.run([&] { tail_.correct_border(features); });
    composed.block(at::cuda::getCurrentCUDAStream());
    const at::Tensor centre = tail_forward(features);
    tail_stream_.join();
    loss_.share = batch.share;
    kernels::pixel_loss(batch.images, batch.draws, tail_.output(centre), loss_, state, tail_.gradient(),
                        loss_partials_.mutable_data_ptr<float>(), tail_bias_partials_.mutable_data_ptr<float>(),
                        stream());
    result_.owners.push_back(centre);
  }

  void backward() {
    const at::Tensor& features = activations_.back();
    at::cuda::CUDAEvent border_ready;
    border_stream_.run([&] {
      tail_.border_backward();
      border_ready.record();
      tail_.border_kernel_gradient();
    });
    tail_stream_.run([&] {
      const at::Tensor centre = weight_gradient(tail_.centre_gradient(), features, tail_.centre_weight(), 2);
      result_.owners.push_back(centre);
      border_stream_.join();
      tail_.decompose(centre, tail_bias_partials_, border_stream_);
    });
    const at::Tensor skipped = [&] {
      at::Tensor gradient = tail_backward(features);
      border_ready.block(at::cuda::getCurrentCUDAStream());
      tail_.add_border(gradient);
      return gradient;
    }();

    // activations_: first, (inner, out) of each block, features
    sum_only(skipped, last_layer());
    at::Tensor gradient = back(last_layer(), skipped, activations_[2 * blocks_], nullptr, nullptr, 2 * blocks_);
    for (std::size_t block = blocks_; block-- > 0;) {
      const std::size_t layer = 2 * block + 1;
      const at::Tensor& inner = activations_[layer];
      const at::Tensor inner_gradient = back(layer + 1, gradient, inner, &inner, nullptr, layer);
      gradient = back(layer, inner_gradient, activations_[layer - 1], nullptr, &gradient, layer - 1);
    }
    pass(gradient, gradient, nullptr, &skipped, 0);
    if (direct_) flush_weight_gradients();
    at::mm_out(first_gradient_, as_rows(gradient).t(), patches_);
    add_source(first_gradient_, 0, 1, 0);
    result_.owners.push_back(gradient);
  }

  // Through a layer of the trunk on the way back: the gradient of its input x, with gate and addend as in `pass`, whose
  // sums are the gradient of `summed_layer`'s bias. The layer's weight gradient beside it, or after it.
  at::Tensor back(std::size_t layer, const at::Tensor& gradient, const at::Tensor& x, const at::Tensor* gate,
                  const at::Tensor* addend, std::size_t summed_layer) {
    queue_weight_gradient(layer, gradient, x);
    if (summed_ && addend != nullptr) {
      // The addend's own sums and weight gradient are under way: they come first.
      weights_stream_.join();
      at::Tensor result = *addend;
      summed_->add_data_gradient(gradient, low_weight(layer), result);
      if (summed_layer > 0) sum_only(result, summed_layer);
      return result;
    }
    if (!direct_) {
      at::Tensor result = data_gradient(gradient, x, low_weight(layer), 1);
      pass(result, result, gate, addend, summed_layer);
      return result;
    }
    at::Tensor result = at::empty_like(gradient);
    const at::Tensor sums = sums_[static_cast<std::int64_t>(summed_layer)];
    kernels::ConvArguments arguments;
    arguments.in = gradient.const_data_ptr();
    arguments.weight = low_weight(layer).const_data_ptr();
    arguments.gate = gate != nullptr ? gate->const_data_ptr() : nullptr;
    arguments.addend = addend != nullptr ? addend->const_data_ptr() : nullptr;
    arguments.out = result.mutable_data_ptr();
    arguments.sums = sums.mutable_data_ptr<float>();
    kernels::conv_backward(conv_, arguments, stream());
    add_bias_source(sums, summed_layer, kernels::conv_blocks(conv_, true));
    return result;
  }

  void queue_weight_gradient(std::size_t layer, const at::Tensor& gradient, const at::Tensor& x) {
    if (direct_) {
      if (queued_.count == layers_at_once_) flush_weight_gradients();
      queued_.in[queued_.count] = x.const_data_ptr();
      queued_.out_gradient[queued_.count] = gradient.const_data_ptr();
      queued_layers_[static_cast<std::size_t>(queued_.count++)] = layer;
      result_.owners.push_back(gradient);
      return;
    }
    const auto weights = [&] {
      const at::Tensor of_weight = weight_gradient(gradient, x, low_weight(layer), 1);
      add_source(of_weight, vectors_.layout.slots[2 * layer].offset, 1, 0);
      result_.owners.push_back(of_weight);
    };
    if (overlap_) {
      weights_stream_.run(weights);
      result_.owners.push_back(gradient);
    } else {
      weights();
    }
  }

  // The weight gradients of the queued layers in one launch that fills the device.
  void flush_weight_gradients() {
    if (queued_.count == 0) return;
    const std::int64_t size = channels_ * 9 * channels_;
    const auto parts = static_cast<int>(channels_ / 32) * queued_.count;
    const int slabs = std::clamp((option("WRING_CTAS", 132) + parts - 1) / parts, 1, static_cast<int>((pixels_ + 127) / 128));
    const at::Tensor partial =
        at::empty({queued_.count, slabs, size}, vectors_.parameters.options());
    for (int i = 0; i < queued_.count; ++i) {
      queued_.gradient[i] = partial[i].mutable_data_ptr<float>();
      add_source(partial[i], vectors_.layout.slots[2 * queued_layers_[static_cast<std::size_t>(i)]].offset, slabs, size);
    }
    weights_stream_.run([&] { kernels::conv_weight_gradients(conv_, queued_, slabs, stream()); });
    result_.owners.push_back(partial);
    queued_.count = 0;
  }

  // out = (gate > 0 ? gradient : 0) + addend; the sums over its pixels are the gradient of a layer's bias (layer 0:
  // conv_first's bias is part of its weights).
  void pass(const at::Tensor& gradient, const at::Tensor& out, const at::Tensor* gate, const at::Tensor* addend,
            std::size_t layer) {
    const at::Tensor sums = sums_[static_cast<std::int64_t>(layer)];
    const bool changes = gate != nullptr || addend != nullptr;
    kernels::pass_gradient(gradient.const_data_ptr(), gate != nullptr ? gate->const_data_ptr() : nullptr,
                           addend != nullptr ? addend->const_data_ptr() : nullptr, pixels_,
                           static_cast<int>(channels_), type_, changes ? out.mutable_data_ptr() : nullptr,
                           sums.mutable_data_ptr<float>(), stream());
    add_bias_source(sums, layer, kernels::gradient_blocks(pixels_, static_cast<int>(channels_)));
  }

  // Only the bias gradient, which nothing else waits for.
  void sum_only(const at::Tensor& gradient, std::size_t layer) {
    if (overlap_ || direct_ || summed_) {
      weights_stream_.run([&] { pass(gradient, gradient, nullptr, nullptr, layer); });
    } else {
      pass(gradient, gradient, nullptr, nullptr, layer);
    }
  }

  void add_bias_source(const at::Tensor& sums, std::size_t layer, int slabs) {
    if (layer == 0) return;
    add_source(sums[0], vectors_.layout.slots[2 * layer + 1].offset, slabs, channels_);
  }

  void add_source(const at::Tensor& gradient, std::int64_t offset, std::int32_t slabs, std::int64_t stride) {
    kernels::GradientSource source;
    source.data = gradient.const_data_ptr();
    source.slab_stride = stride;
    source.offset = offset;
    source.count = static_cast<std::int32_t>(slabs > 1 ? stride : gradient.numel());
    source.slabs = slabs;
    source.type = gradient.scalar_type() == at::kFloat      ? kernels::ElementType::fp32
                  : gradient.scalar_type() == at::kBFloat16 ? kernels::ElementType::bf16
                                                            : kernels::ElementType::fp16;
    result_.sources.push_back(source);
  }

  const FlatVectors& vectors_;
  kernels::LowType type_;
  std::size_t blocks_;
  std::int64_t channels_;
  std::int64_t batch_;
  std::int64_t side_;
  std::int64_t pixels_;
  bool overlap_ = false;
  bool direct_ = false;       // the trunk by kernels/conv.h instead of cuDNN
  bool direct_tail_ = false;  // and the tail's convolution
  std::optional<ResidualConvolutions> summed_;
  kernels::ConvShape conv_;
  kernels::ConvShape tail_conv_;
  int layers_at_once_ = 4;
  kernels::WeightGradientLayers queued_;
  std::array<std::size_t, kernels::kMostLayers> queued_layers_{};
  GraphTail tail_;
  SideStream tail_stream_;
  SideStream border_stream_;
  SideStream weights_stream_;
  kernels::LossSettings loss_;
  std::vector<at::Tensor> low_views_;
  std::vector<at::Tensor> parameter_views_;
  at::Tensor patches_, first_weight_, first_gradient_, first_;
  at::Tensor loss_partials_, tail_bias_partials_, sums_;
  std::vector<at::Tensor> activations_;  // first, (inner, out) of each block, features: (N, C, h, w), channels-last
  MicroBatchResult result_;
};

}  // namespace

std::string fused_step_obstacle(const TrainConfig& config, std::optional<at::ScalarType> low_precision) {
  if (!low_precision) return "the fused kernels compute in bf16 or fp16 (use_mixed_precision: true)";
  if (config.base_channels % 8 != 0) return fmt::format("{} channels are no multiple of 8", config.base_channels);
  if (config.scale_factor == 1) return "at scale_factor 1 there is no tail to fold";
  if (config.fold_tail == "off") return "fold_tail is off";
  if (config.patch_size / config.scale_factor < 3) return "the LR patches are smaller than 3×3";
  if (config.use_perceptual) return "the perceptual loss needs autograd";
  return "";
}

std::unique_ptr<GraphWork> make_fused_work(const TrainConfig& config, const FlatVectors& vectors,
                                           kernels::LowType type, int batch, int lr_patch) {
  return std::make_unique<FusedEdsr>(config, vectors, type, batch, lr_patch);
}

}  // namespace wring

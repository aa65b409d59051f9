#include "wring_train/engine/graph_edsr.h"

#include <array>
#include <optional>

#include <fmt/format.h>

#include <ATen/ATen.h>
#include <ATen/cuda/CUDAContext.h>
#include <ATen/cuda/CUDAEvent.h>
#include <c10/cuda/CUDAGuard.h>

#include "wring_train/engine/graph_tail.h"
#include "wring_train/kernels/edsr_input.h"
#include "wring_train/kernels/pixel_loss.h"
#include "wring_train/kernels/pointwise.h"

namespace wring {
namespace {

// Below this many bytes of activations and gradients, weight gradients run beside the data gradients instead of after
// them: small kernels leave the device half empty, large ones do not, and the gradients must all be kept until then.
constexpr std::int64_t kOverlapBytes = std::int64_t{256} << 20;

void* stream() {
  return at::cuda::getCurrentCUDAStream().stream();
}

// Work that runs beside the current stream's: from fork() on until join(), which the current stream waits for.
class SideStream {
 public:
  explicit SideStream(at::DeviceIndex device) : stream_(at::cuda::getStreamFromPool(false, device)) {}

  template <typename Work>
  void run(const Work& work) {
    at::cuda::CUDAEvent ready;
    ready.record(at::cuda::getCurrentCUDAStream());
    ready.block(stream_);
    const at::cuda::CUDAStreamGuard guard(stream_);
    work();
  }
  void join() const {
    at::cuda::CUDAEvent done;
    done.record(stream_);
    done.block(at::cuda::getCurrentCUDAStream());
  }

 private:
  at::cuda::CUDAStream stream_;
};

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
        weights_stream_(vectors.parameters.device().index()) {
    loss_.kind = loss_kind(config.loss);
    loss_.type = type;
    loss_.batch = batch;
    loss_.lr_patch = lr_patch;
    loss_.scale = static_cast<int>(config.scale_factor);
    const std::int64_t layers = 2 * config.num_blocks + 2;
    overlap_ = 4 * layers * pixels_ * channels_ * 2 < kOverlapBytes;
    allocate();
  }

  std::string name() const override { return "graph, fused"; }

  MicroBatchResult enqueue(const MicroBatch& batch, const kernels::StepState* state) override {
    result_ = {};
    at::cuda::CUDAEvent composed;
    tail_stream_.run([&] {
      tail_.compose();
      composed.record();
    });
    forward(batch);
    loss(batch, state, composed);
    backward();
    tail_stream_.join();
    if (overlap_) weights_stream_.join();
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
    sums_ = at::zeros({static_cast<std::int64_t>(last_layer()) + 1,
                       kernels::gradient_blocks(pixels_, static_cast<int>(channels_)), channels_},
                      fp32);
  }

  void forward(const MicroBatch& batch) {
    kernels::input_patches(batch.images, batch.draws, batch.size, batch.lr_patch, type_, patches_.mutable_data_ptr(),
                           stream());
    at::mm_out(first_, patches_, first_weight_.t());
    activations_.assign(1, as_image(first_));
    for (std::size_t block = 0; block < blocks_; ++block) {
      const std::size_t layer = 2 * block + 1;
      const at::Tensor& x = activations_.back();
      at::Tensor inner =
          at::cudnn_convolution_relu(x, low_weight(layer), low_views_[2 * layer + 1], {1, 1}, {1, 1}, {1, 1}, 1);
      at::Tensor out = with_residual(inner, layer + 1, x);
      activations_.push_back(std::move(inner));
      activations_.push_back(std::move(out));
    }
    activations_.push_back(with_residual(activations_.back(), last_layer(), activations_.front()));
  }

  // convolution + bias + residual
  at::Tensor with_residual(const at::Tensor& x, std::size_t layer, const at::Tensor& residual) {
    at::Tensor out = convolve(x, low_weight(layer), 1);
    kernels::add_bias_residual(out.const_data_ptr(), bias(layer), residual.const_data_ptr(), pixels_,
                               static_cast<int>(channels_), type_, out.mutable_data_ptr(), stream());
    return out;
  }

  void loss(const MicroBatch& batch, const kernels::StepState* state, at::cuda::CUDAEvent& composed) {
    const at::Tensor& features = activations_.back();
    tail_stream_.run([&] { tail_.correct_border(features); });
    composed.block(at::cuda::getCurrentCUDAStream());
    const at::Tensor centre = convolve(features, tail_.centre_weight(), 2);
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
    tail_stream_.run([&] {
      tail_.border_backward();
      border_ready.record();
      const at::Tensor centre = weight_gradient(tail_.centre_gradient(), features, tail_.centre_weight(), 2);
      result_.owners.push_back(centre);
      tail_.decompose(centre, tail_bias_partials_);
    });
    at::Tensor gradient = data_gradient(tail_.centre_gradient(), features, tail_.centre_weight(), 2);
    border_ready.block(at::cuda::getCurrentCUDAStream());
    tail_.add_border(gradient);
    pass(gradient, nullptr, nullptr, last_layer(), false);

    // activations_: first, (inner, out) of each block, features
    const at::Tensor skipped = gradient;
    gradient = through(last_layer(), gradient, activations_[2 * blocks_]);
    pass(gradient, nullptr, nullptr, 2 * blocks_, false);
    for (std::size_t block = blocks_; block-- > 0;) {
      const std::size_t layer = 2 * block + 1;
      const at::Tensor& inner = activations_[layer];
      at::Tensor inner_gradient = through(layer + 1, gradient, inner);
      pass(inner_gradient, &inner, nullptr, layer, true);
      at::Tensor sum = through(layer, inner_gradient, activations_[layer - 1]);
      if (block > 0) {
        pass(sum, nullptr, &gradient, layer - 1, true);
      } else {
        pass(sum, nullptr, &gradient, 0, true);
        pass(sum, nullptr, &skipped, 0, true);
      }
      gradient = sum;
    }
    at::mm_out(first_gradient_, as_rows(gradient).t(), patches_);
    add_source(first_gradient_, 0, 1, 0);
    result_.owners.push_back(gradient);
  }

  // The gradient of a trunk layer's input; its weight gradient beside it, or after it.
  at::Tensor through(std::size_t layer, const at::Tensor& gradient, const at::Tensor& x) {
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
    return data_gradient(gradient, x, low_weight(layer), 1);
  }

  // gradient = (gate > 0 ? gradient : 0) + addend; the sums over its pixels are the gradient of a layer's bias (layer 0:
  // conv_first's bias is part of its weights).
  void pass(at::Tensor& gradient, const at::Tensor* gate, const at::Tensor* addend, std::size_t layer, bool write) {
    const at::Tensor sums = sums_[static_cast<std::int64_t>(layer)];
    kernels::pass_gradient(gradient.const_data_ptr(), gate != nullptr ? gate->const_data_ptr() : nullptr,
                           addend != nullptr ? addend->const_data_ptr() : nullptr, pixels_,
                           static_cast<int>(channels_), type_, write ? gradient.mutable_data_ptr() : nullptr,
                           sums.mutable_data_ptr<float>(), stream());
    if (layer > 0) {
      add_source(sums, vectors_.layout.slots[2 * layer + 1].offset, static_cast<std::int32_t>(sums.size(0)), channels_);
    }
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
  GraphTail tail_;
  SideStream tail_stream_;
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

#include "wring_train/engine/graph/edsr.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include <ATen/ATen.h>
#include <ATen/cuda/CUDAContext.h>

#include "wring_train/engine/graph/convolution.h"
#include "wring_train/engine/graph/side_stream.h"
#include "wring_train/engine/graph/tail.h"
#include "wring_train/engine/graph/trunk.h"
#include "wring_train/kernels/conv/conv.h"
#include "wring_train/kernels/conv/passes.h"
#include "wring_train/kernels/step/edsr_input.h"
#include "wring_train/kernels/step/pixel_loss.h"

namespace wring {
namespace {

void* stream() {
  return at::cuda::getCurrentCUDAStream().stream();
}

kernels::LossKind loss_kind(const std::string& name) {
  if (name == "mse") return kernels::LossKind::mse;
  return name == "charbonnier" ? kernels::LossKind::charbonnier : kernels::LossKind::l1;
}

// From this many bytes of activations and gradients on, kernels fill the device one after another.
constexpr std::int64_t kSparingBytes = std::int64_t{2} << 30;

GraphTrunkShape trunk_shape(const TrainConfig& config, kernels::LowType type, int batch, int lr_patch,
                            std::optional<bool> sparing) {
  GraphTrunkShape shape{static_cast<int>(config.base_channels), static_cast<int>(config.num_blocks), batch, lr_patch,
                        type};
  shape.sparing = sparing.value_or(4 * (shape.layers() + 1) * shape.pixels() * shape.channels * 2 >= kSparingBytes);
  return shape;
}

std::unique_ptr<GraphTrunk> make_trunk(const GraphTrunkShape& shape, const FlatVectors& vectors) {
  auto trunk = make_direct_trunk(shape, vectors);
  return trunk ? std::move(trunk) : make_library_trunk(shape, vectors);
}

class FusedEdsr : public GraphWork {
 public:
  FusedEdsr(const TrainConfig& config, const FlatVectors& vectors, kernels::LowType type, int batch, int lr_patch,
            std::optional<bool> sparing)
      : shape_(trunk_shape(config, type, batch, lr_patch, sparing)),
        loss_{loss_kind(config.loss), type, batch, lr_patch, static_cast<int>(config.scale_factor), 1.0F},
        tail_conv_{batch, lr_patch, lr_patch, 5, shape_.channels, 3 * loss_.scale * loss_.scale, type},
        trunk_(make_trunk(shape_, vectors)),
        tail_({config.base_channels, config.num_blocks, config.scale_factor}, type, batch, lr_patch, vectors,
              /*sparing=*/!trunk_->reads_on()),
        tail_stream_(vectors.parameters.device().index()),
        border_stream_(vectors.parameters.device().index()),
        early_stream_(vectors.parameters.device().index()),
        early_from_(early_gradients_from(vectors.layout, config.num_blocks)) {
    const auto low = vectors.low.options();
    const auto fp32 = vectors.parameters.options();
    patches_ = at::zeros({shape_.pixels(), kernels::kPatchRow}, low);
    first_weight_ = at::as_strided(vectors.low, {shape_.channels, kernels::kPatchRow}, {kernels::kPatchRow, 1}, 0);
    first_gradient_ = at::zeros({shape_.channels, kernels::kPatchRow}, low);
    first_ = at::zeros({shape_.pixels(), shape_.channels}, low);
    const int loss_blocks = kernels::pixel_loss_blocks(loss_);
    loss_partials_ = at::zeros({loss_blocks}, fp32);
    tail_bias_partials_ = at::zeros({loss_blocks, tail_conv_.outputs}, fp32);
    unused_sums_ = at::zeros({kernels::gradient_blocks(shape_.pixels(), shape_.channels), shape_.channels}, fp32);
  }

  std::string name() const override { return "graph, fused"; }

  MicroBatchResult enqueue(const MicroBatch& batch, const kernels::StepState* state,
                           const EarlyGradients& early) override {
    MicroBatchResult result;
    at::cuda::CUDAEvent composed;
    tail_stream_.run([&] {
      tail_.compose();
      composed.record();
    });
    trunk_->begin(result);
    forward(batch);
    loss(batch, state, composed, result);
    backward(result, early);
    trunk_->finish();
    tail_stream_.join();
    border_stream_.join();
    early_stream_.join();
    activations_.clear();
    return result;
  }

 private:
  at::Tensor as_image(const at::Tensor& rows) const {
    return rows.view({shape_.batch, shape_.side, shape_.side, rows.size(-1)}).permute({0, 3, 1, 2});
  }
  static at::Tensor as_rows(const at::Tensor& image) {
    return image.permute({0, 2, 3, 1}).reshape({-1, image.size(1)});
  }

  void forward(const MicroBatch& batch) {
    kernels::input_patches(batch.images, batch.draws, batch.size, batch.lr_patch, shape_.type,
                           patches_.mutable_data_ptr(), stream());
    at::mm_out(first_, patches_, first_weight_.t());
    activations_.assign(1, as_image(first_));
    for (int layer = 1; layer < shape_.layers(); layer += 2) {
      const at::Tensor x = activations_.back();
      activations_.push_back(trunk_->forward_relu(x, layer));
      activations_.push_back(trunk_->forward_residual(activations_.back(), layer + 1, x));
    }
    activations_.push_back(trunk_->forward_residual(activations_.back(), shape_.layers(), activations_.front()));
  }

  void loss(const MicroBatch& batch, const kernels::StepState* state, at::cuda::CUDAEvent& composed,
            MicroBatchResult& result) {
    const at::Tensor& features = activations_.back();
    tail_stream_.run([&] { tail_.correct_border(features); });
    composed.block(at::cuda::getCurrentCUDAStream());
    const at::Tensor centre = tail_forward(features);
    tail_stream_.join();
    loss_.share = batch.share;
    kernels::pixel_loss(batch.images, batch.draws, tail_.output(centre), loss_, state, tail_.gradient(),
                        loss_partials_.mutable_data_ptr<float>(), tail_bias_partials_.mutable_data_ptr<float>(),
                        stream());
    result.loss_partials = loss_partials_;
    result.owners.push_back(centre);
  }

  void backward(MicroBatchResult& result, const EarlyGradients& early) {
    const at::Tensor& features = activations_.back();
    at::cuda::CUDAEvent border_ready;
    border_stream_.run([&] { tail_.border_backward(border_ready); });
    tail_stream_.run([&] {
      const at::Tensor centre =
          convolution_weight_gradient(tail_.centre_gradient(), features, tail_.centre_weight(), 2);
      result.owners.push_back(centre);
      border_stream_.join();
      tail_.decompose(centre, tail_bias_partials_, border_stream_);
    });
    tail_.append_sources(result.sources);
    at::Tensor skipped = tail_backward(features);
    border_ready.block(at::cuda::getCurrentCUDAStream());
    tail_.add_border(skipped);

    // activations_: first, (inner, out) of each block, features
    const int last = shape_.layers();
    const auto activation = [&](int i) -> const at::Tensor& { return activations_[static_cast<std::size_t>(i)]; };
    trunk_->sum(skipped, last);
    // Gradients take the places of activations that nothing needs any more.
    const auto release = [&](int i) {
      if (!trunk_->reads_on()) activations_[static_cast<std::size_t>(i)].reset();
    };
    at::Tensor gradient = trunk_->backward(last, skipped, activation(last - 1), nullptr, nullptr, last - 1);
    release(last - 1);
    for (int layer = last - 2; layer > 0; layer -= 2) {
      const at::Tensor& inner = activation(layer);
      const at::Tensor inner_gradient = trunk_->backward(layer + 1, gradient, inner, &inner, nullptr, layer);
      release(layer);
      gradient = trunk_->backward(layer, inner_gradient, activation(layer - 1), nullptr, &gradient, layer - 1);
      release(layer - 1);
      if (early && trunk_->weight_offset(layer) == early_from_) hand_over(result, early);
    }
    first_backward(gradient, skipped, result);
  }

  void hand_over(const MicroBatchResult& so_far, const EarlyGradients& early) {
    early_stream_.run([&] {
      trunk_->let_current_wait();
      tail_stream_.let_current_wait();
      border_stream_.let_current_wait();
      early(so_far, early_from_);
    });
  }

  // conv_first's output went into the first block and around the whole trunk.
  void first_backward(at::Tensor& gradient, const at::Tensor& skipped, MicroBatchResult& result) {
    kernels::pass_gradient(gradient.const_data_ptr(), nullptr, skipped.const_data_ptr(), shape_.pixels(),
                           shape_.channels, shape_.type, gradient.mutable_data_ptr(),
                           unused_sums_.mutable_data_ptr<float>(), stream());
    at::mm_out(first_gradient_, as_rows(gradient).t(), patches_);
    kernels::GradientSource source;
    source.data = first_gradient_.const_data_ptr();
    source.type = element_type(first_gradient_.scalar_type());
    source.count = static_cast<std::int32_t>(first_gradient_.numel());
    result.sources.push_back(source);
    result.owners.push_back(gradient);
  }

  // The folded tail's convolution away from the border, and its data gradient.
  at::Tensor tail_forward(const at::Tensor& features) {
    if (!kernels::conv_supported(tail_conv_)) return convolve(features, tail_.centre_weight(), 2);
    return direct_tail(features, at::empty_like(tail_.centre_gradient()), kernels::conv_forward);
  }
  at::Tensor tail_backward(const at::Tensor& features) {
    if (!kernels::conv_supported(tail_conv_)) {
      return convolution_data_gradient(tail_.centre_gradient(), features, tail_.centre_weight(), 2);
    }
    return direct_tail(tail_.centre_gradient(), at::empty_like(features), kernels::conv_backward);
  }
  template <typename Convolution>
  at::Tensor direct_tail(const at::Tensor& in, at::Tensor out, const Convolution& convolution) const {
    kernels::ConvArguments arguments;
    arguments.in = in.const_data_ptr();
    arguments.weight = tail_.centre_weight().const_data_ptr();
    arguments.fresh_weight = true;
    arguments.out = out.mutable_data_ptr();
    convolution(tail_conv_, arguments, stream());
    return out;
  }

  GraphTrunkShape shape_;
  kernels::LossSettings loss_;
  kernels::ConvShape tail_conv_;
  std::unique_ptr<GraphTrunk> trunk_;
  GraphTail tail_;
  SideStream tail_stream_;
  SideStream border_stream_;
  SideStream early_stream_;
  std::int64_t early_from_;
  at::Tensor patches_, first_weight_, first_gradient_, first_, unused_sums_;
  at::Tensor loss_partials_, tail_bias_partials_;
  std::vector<at::Tensor> activations_;  // first, (inner, out) of each block, features: (N, C, h, w), channels-last
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

std::int64_t early_gradients_from(const FlatLayout& layout, std::int64_t blocks) {
  // A second message costs more than it hides when the gradients have fewer bytes.
  constexpr std::int64_t kLeastBytes = std::int64_t{4} << 20;
  if (layout.size * static_cast<std::int64_t>(sizeof(float)) < kLeastBytes || blocks < 2) return 0;
  // A quarter of the blocks takes longer on the way back than the others' gradients between the ranks.
  const std::int64_t blocks_left = std::max<std::int64_t>(1, blocks / 4);
  const std::int64_t layer = 2 * blocks_left + 1;
  return layout.slots.at(static_cast<std::size_t>(2 * layer)).offset;
}

std::unique_ptr<GraphWork> make_fused_work(const TrainConfig& config, const FlatVectors& vectors, kernels::LowType type,
                                           int batch, int lr_patch, std::optional<bool> sparing) {
  return std::make_unique<FusedEdsr>(config, vectors, type, batch, lr_patch, sparing);
}

}  // namespace wring

#include "wring_train/engine/graph/autograd.h"

#include <cstddef>

#include <ATen/ATen.h>
#include <ATen/cuda/CUDAContext.h>
#include <c10/core/AutogradState.h>
#include <c10/core/GradMode.h>

#include "wring_train/engine/eager/batch_tensor.h"
#include "wring_train/engine/precision.h"
#include "wring_train/engine/step_engine.h"

namespace wring {
namespace {

// Backward on the calling thread: everything is then enqueued where the graph is being captured.
class OneThread {
 public:
  OneThread() : before_(c10::AutogradState::get_tls_state().get_multithreading_enabled()) {
    c10::AutogradState::get_tls_state().set_multithreading_enabled(false);
  }
  ~OneThread() { c10::AutogradState::get_tls_state().set_multithreading_enabled(before_); }
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  bool before_;
};

class AutogradWork : public GraphWork {
 public:
  AutogradWork(const TrainConfig& config, const Edsr& model, const FlatVectors& vectors,
               std::optional<at::ScalarType> low_precision, const PerceptualLoss* perceptual)
      : config_(config),
        model_(model),
        vectors_(vectors),
        low_precision_(low_precision),
        perceptual_(perceptual),
        gradients_(at::zeros_like(vectors.gradients)),
        views_(vectors.layout.views(gradients_)) {}

  std::string name() const override { return "graph"; }

  MicroBatchResult enqueue(const MicroBatch& batch, const kernels::StepState* state,
                           const EarlyGradients& /*early*/) override {
    const OneThread one_thread;
    gradients_.zero_();
    for (std::size_t i = 0; i < views_.size(); ++i) model_.parameters()[i].tensor.mutable_grad() = views_[i];
    at::Tensor loss = loss_of(batch);
    if (batch.share != 1.0F) loss = loss * batch.share;
    (low_precision_ == at::kHalf ? loss * loss_scale(state) : loss).backward();
    for (const NamedTensor& parameter : model_.parameters()) parameter.tensor.mutable_grad().reset();

    MicroBatchResult result;
    kernels::GradientSource source;
    source.data = gradients_.const_data_ptr();
    source.count = static_cast<std::int32_t>(gradients_.numel());
    result.sources.push_back(source);
    result.loss_partials = loss.detach().view({1});
    return result;
  }

 private:
  at::Tensor loss_of(const MicroBatch& batch) {
    auto [hr, lr] = cut(batch);
    if (!config_.channels_last) {
      hr = hr.contiguous();
      lr = lr.contiguous();
    }
    const AutocastScope autocast(at::kCUDA, low_precision_);
    const at::Tensor sr = model_.forward(lr, tail_path(config_));
    at::Tensor loss = pixel_loss(config_.loss, sr, hr);
    if (perceptual_ != nullptr) loss = loss + (*perceptual_)(sr, hr) * config_.perceptual_weight;
    return loss;
  }

  // The batch's images as floats, HR and LR.
  std::pair<at::Tensor, at::Tensor> cut(const MicroBatch& batch) const {
    const auto bytes = vectors_.parameters.options().dtype(at::kByte);
    const at::Tensor hr = at::empty({batch.size, batch.hr_patch, batch.hr_patch, 3}, bytes);
    const at::Tensor lr = at::empty({batch.size, batch.lr_patch, batch.lr_patch, 3}, bytes);
    kernels::SamplerSettings settings;
    settings.batch_size = batch.size;
    settings.patch_size = batch.hr_patch;
    settings.scale = static_cast<std::int32_t>(config_.scale_factor);
    kernels::cut_samples(batch.images, settings, batch.draws, hr.mutable_data_ptr<std::uint8_t>(),
                         lr.mutable_data_ptr<std::uint8_t>(), at::cuda::getCurrentCUDAStream().stream());
    return {images_to_float(hr), images_to_float(lr)};
  }

  at::Tensor loss_scale(const kernels::StepState* state) const {
    auto* address = reinterpret_cast<std::byte*>(const_cast<kernels::StepState*>(state));
    return at::from_blob(address + offsetof(kernels::StepState, loss_scale), {}, vectors_.parameters.options());
  }

  TrainConfig config_;
  Edsr model_;
  const FlatVectors& vectors_;
  std::optional<at::ScalarType> low_precision_;
  const PerceptualLoss* perceptual_;
  at::Tensor gradients_;
  std::vector<at::Tensor> views_;
};

}  // namespace

std::unique_ptr<GraphWork> make_autograd_work(const TrainConfig& config, const Edsr& model, const FlatVectors& vectors,
                                              std::optional<at::ScalarType> low_precision,
                                              const PerceptualLoss* perceptual) {
  return std::make_unique<AutogradWork>(config, model, vectors, low_precision, perceptual);
}

}  // namespace wring

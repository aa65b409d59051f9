#include "wring_train/engine/eager/eager_engine.h"

#include <ATen/ATen.h>
#include <ATen/DeviceAccelerator.h>
#include <c10/core/GradMode.h>

#include "wring/base/error.h"
#include "wring/config/vgg_weights.h"
#include "wring_train/engine/device.h"
#include "wring_train/engine/eager/batch_tensor.h"
#include "wring_train/engine/memory_error.h"
#include "wring_train/engine/precision.h"
#include "wring_train/engine/saved_state.h"

namespace wring {
namespace {

Edsr on_device(Edsr model, at::Device device, bool channels_last) {
  model.to(device, channels_last);
  model.requires_grad(true);
  return model;
}

// The same network with tensors of its own, which no gradient reaches.
Edsr detached_copy(const Edsr& model) {
  Edsr copy = model;
  for (NamedTensor& parameter : copy.parameters()) parameter.tensor = parameter.tensor.detach().clone();
  return copy;
}

}  // namespace

EagerEngine::EagerEngine(const TrainConfig& config, Edsr model, at::Device device,
                         std::optional<at::ScalarType> low_precision, Ranks& ranks)
    : config_(config),
      device_(device),
      low_precision_(low_precision),
      ranks_(ranks),
      tail_path_(tail_path(config)),
      model_(on_device(std::move(model), device, config.channels_last)),
      average_(detached_copy(model_)),
      optimizer_(config, model_.tensors()),
      guard_(device) {
  if (low_precision == at::kHalf) scaler_.emplace(device);
  if (config.use_perceptual) {
    perceptual_ = std::make_unique<PerceptualLoss>(find_vgg_weights(config), device, config.channels_last);
  }
}

void EagerEngine::use_images(std::shared_ptr<const DeviceImages> images, const kernels::SamplerSettings& settings) {
  sampler_.emplace(std::move(images), settings, device_);
}

SampledBatch EagerEngine::load(const Batch& batch) {
  if (batch.hr) {
    return {upload(batch.hr, batch.size, batch.hr_patch), upload(batch.lr, batch.size, batch.lr_patch)};
  }
  if (!sampler_) throw Error(ErrorCode::failed, "a batch without bytes, but no images on the device to cut it from");
  const SampledBatch bytes = sampler_->cut(batch.step);
  return {images_to_float(bytes.hr), images_to_float(bytes.lr)};
}

at::Tensor EagerEngine::upload(const std::shared_ptr<std::uint8_t>& bytes, std::int64_t batch, std::int64_t side) {
  const at::Tensor host = at::from_blob(bytes.get(), {batch, side, side, 3}, at::kByte);
  if (device_.is_cpu()) return images_to_float(host);
  at::Tensor images = images_to_float(host.to(device_, /*non_blocking=*/true));
  Upload upload{bytes, c10::Event(device_.type())};
  upload.done.record(at::accelerator::getCurrentStream(device_.index()));
  uploads_.push_back(std::move(upload));
  return images;
}

void EagerEngine::release_finished_uploads() {
  while (!uploads_.empty() && uploads_.front().done.query()) uploads_.pop_front();
}

at::Tensor EagerEngine::loss_of(const Batch& batch) {
  auto [hr, lr] = load(batch);
  if (!config_.channels_last) hr = hr.contiguous();
  const AutocastScope autocast(device_.type(), low_precision_);
  const at::Tensor sr = model_.forward(config_.channels_last ? lr : lr.contiguous(), tail_path_);
  at::Tensor loss = pixel_loss(config_.loss, sr, hr);
  if (perceptual_) loss = loss + (*perceptual_)(sr, hr) * config_.perceptual_weight;
  return loss;
}

// Returns the step's loss.
at::Tensor EagerEngine::add_gradients(std::span<const Batch> micro_batches) {
  at::Tensor sum = at::zeros({}, at::TensorOptions(device_).dtype(at::kFloat));
  const double share = 1.0 / static_cast<double>(micro_batches.size());
  for (const Batch& batch : micro_batches) {
    at::Tensor loss = loss_of(batch);
    if (micro_batches.size() > 1) loss = loss * share;
    (scaler_ ? scaler_->scale(loss) : loss).backward();
    sum = sum + loss.detach();
  }
  return sum;
}

// Makes the gradients and the loss their means over the ranks: one message, once a step whatever the number of
// micro-batches. From here on every rank computes the same, clipping and skipped steps included. Returns the loss.
at::Tensor EagerEngine::mean_over_ranks(const at::Tensor& loss) {
  const c10::NoGradGuard no_grad;
  std::vector<at::Tensor> values;
  for (const at::Tensor& parameter : model_.tensors()) values.push_back(parameter.grad());
  values.push_back(loss);
  const at::Tensor flat = at::flatten_dense_tensors(values);
  ranks_.mean(flat);
  std::vector<at::Tensor> means = at::unflatten_dense_tensors(flat, values);
  at::Tensor mean_loss = means.back();
  means.pop_back();
  values.pop_back();
  at::_foreach_copy_(values, means);
  return mean_loss;
}

void EagerEngine::step(std::span<const Batch> micro_batches, double lr) {
  release_finished_uploads();
  at::Tensor loss;
  bool fits = true;
  try {
    loss = add_gradients(micro_batches);
  } catch (const c10::OutOfMemoryError&) {
    fits = false;
  }
  // Where it does not fit on one rank, all cut their batches.
  if (ranks_.any(!fits)) {
    for (const at::Tensor& parameter : model_.tensors()) parameter.mutable_grad().reset();
    if (!device_.is_cpu()) at::accelerator::emptyCache();
    throw step_out_of_memory(config_, micro_batches.front().size, device_);
  }
  if (!ranks_.alone()) loss = mean_over_ranks(loss);
  if (scaler_) scaler_->unscale(model_.tensors());
  guard_.judge(loss, clip_gradients(model_.tensors(), config_.grad_clip), scaler_ ? &*scaler_ : nullptr);
  optimizer_.step(lr, guard_.skip());
  if (scaler_) scaler_->update();
  if (config_.ema_decay > 0) average();
}

// The moving average follows the weights by 1 − decay, after a skipped step by nothing: not even by 0 × ∞.
void EagerEngine::average() {
  const c10::NoGradGuard no_grad;
  std::vector<at::Tensor> differences = at::_foreach_sub(model_.tensors(), average_.tensors());
  at::_foreach_mul_(differences, 1.0 - config_.ema_decay);
  const at::Tensor skipped = guard_.skip() != 0;
  for (at::Tensor& difference : differences) difference.masked_fill_(skipped, 0.0);
  at::_foreach_add_(average_.tensors(), differences);
}

StepReport EagerEngine::report() {
  StepReport report = guard_.report();
  if (scaler_) report.loss_scale = scaler_->scale_tensor().item<float>();
  return report;
}

std::vector<NamedTensor> EagerEngine::state() const {
  std::vector<NamedTensor> state;
  const auto& parameters = model_.parameters();
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const std::string& name = parameters[i].name;
    state.push_back({"model." + name, parameters[i].tensor.detach()});
    if (config_.ema_decay > 0) state.push_back({"ema." + name, average_.parameters()[i].tensor});
    state.push_back({"exp_avg." + name, optimizer_.first_moments()[i]});
    state.push_back({"exp_avg_sq." + name, optimizer_.second_moments()[i]});
    if (optimizer_.is_adan()) {
      state.push_back({"exp_avg_diff." + name, optimizer_.difference_moments()[i]});
      state.push_back({"previous_gradient." + name, optimizer_.previous_gradients()[i]});
    }
  }
  if (scaler_) {
    state.push_back({"scaler.scale", scaler_->scale_tensor()});
    state.push_back({"scaler.growth_tracker", scaler_->growth_tracker()});
  }
  state.push_back({"optimizer.step", at::scalar_tensor(optimizer_.steps_done(), at::kLong)});
  return state;
}

void EagerEngine::load_state(const LoadedTensors& state, const std::filesystem::path& source) {
  const c10::NoGradGuard no_grad;
  const SavedState saved(state, source);
  const auto& parameters = model_.parameters();
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const std::string& name = parameters[i].name;
    saved.restore(parameters[i].tensor, "model." + name);
    if (config_.ema_decay > 0) saved.restore(average_.parameters()[i].tensor, "ema." + name);
    saved.restore(optimizer_.first_moments()[i], "exp_avg." + name);
    saved.restore(optimizer_.second_moments()[i], "exp_avg_sq." + name);
    if (optimizer_.is_adan()) {
      saved.restore(optimizer_.difference_moments()[i], "exp_avg_diff." + name);
      saved.restore(optimizer_.previous_gradients()[i], "previous_gradient." + name);
    }
  }
  if (scaler_) {
    saved.restore(scaler_->scale_tensor(), "scaler.scale");
    saved.restore(scaler_->growth_tracker(), "scaler.growth_tracker");
  }
  optimizer_.set_steps_done(saved.find("optimizer.step").item<std::int64_t>());
  guard_.forget();
}

}  // namespace wring

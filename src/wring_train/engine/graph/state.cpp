#include "wring_train/engine/graph/state.h"

#include <new>

#include <ATen/ATen.h>
#include <ATen/cuda/CUDAContext.h>
#include <c10/core/GradMode.h>
#include <c10/cuda/CUDAException.h>

#include "wring/base/error.h"
#include "wring_train/engine/saved_state.h"
#include "wring_train/kernels/pinned_memory.h"

namespace wring {
namespace {

constexpr float kFirstLossScale = 65536;  // as engine/loss_scaler.cpp

std::shared_ptr<std::uint8_t> pinned(std::size_t bytes) {
  auto memory = kernels::pinned_memory(bytes);
  if (memory == nullptr) {
    throw Error(ErrorCode::failed, "the system lets this program page-lock no memory", "see `ulimit -l`");
  }
  return memory;
}

void copy_now(kernels::StepState* to, const kernels::StepState* from, cudaMemcpyKind direction) {
  const at::cuda::CUDAStream stream = at::cuda::getCurrentCUDAStream();
  C10_CUDA_CHECK(cudaMemcpyAsync(to, from, sizeof(kernels::StepState), direction, stream));
  stream.synchronize();
}

}  // namespace

GraphState::GraphState(const TrainConfig& config, Edsr model, at::Device device,
                       std::optional<at::ScalarType> low_precision, FlatOrder order)
    : low_precision_(low_precision),
      model_(std::move(model)),
      average_(model_),
      inputs_(pinned(sizeof(kernels::StepInputs) * kernels::kStepRing)),
      outputs_(pinned(sizeof(kernels::StepOutputs))) {
  new (inputs_.get()) kernels::StepInputs[kernels::kStepRing];
  new (outputs_.get()) kernels::StepOutputs;
  allocate(config, device, order);
  kernels::StepState state;
  if (low_precision == at::kHalf) state.loss_scale = kFirstLossScale;
  write_step_state(state);
}

void GraphState::allocate(const TrainConfig& config, at::Device device, FlatOrder order) {
  const auto fp32 = at::TensorOptions(device).dtype(at::kFloat);
  vectors_.layout = flat_layout(model_.shape(), order, config.channels_last);
  const auto vector = [&] { return at::zeros({vectors_.layout.size}, fp32); };
  vectors_.parameters = vector();
  vectors_.gradients_and_loss = at::zeros({vectors_.layout.size + 1}, fp32);
  vectors_.gradients = vectors_.gradients_and_loss.narrow(0, 0, vectors_.layout.size);
  vectors_.exp_avg = vector();
  vectors_.exp_avg_sq = vector();
  if (config.optimizer == "adan") {
    vectors_.exp_avg_diff = vector();
    vectors_.previous_gradients = vector();
  }
  model_.to(device, config.channels_last);
  place(model_, vectors_.parameters);
  if (config.ema_decay > 0) {
    average_.to(device, config.channels_last);
    vectors_.averages = vector();
    place(average_, vectors_.averages);
  }
  // Only autograd's work asks for gradients through the parameters themselves.
  model_.requires_grad(order == FlatOrder::plain);
  if (order == FlatOrder::fused) vectors_.low = vectors_.parameters.to(*low_precision_);
  step_state_ = at::zeros({static_cast<std::int64_t>(sizeof(kernels::StepState))}, fp32.dtype(at::kByte));
}

// Moves the parameters into the flat vector, of which they become views.
void GraphState::place(Edsr& model, const at::Tensor& flat) const {
  const std::vector<at::Tensor> views = vectors_.layout.views(flat);
  for (std::size_t i = 0; i < views.size(); ++i) {
    at::Tensor& parameter = model.parameters()[i].tensor;
    views[i].copy_(parameter.detach());
    parameter = views[i].detach();
  }
}

kernels::UpdateVectors GraphState::update_vectors() const {
  const auto pointer = [](const at::Tensor& vector) {
    return vector.defined() ? vector.mutable_data_ptr<float>() : nullptr;
  };
  kernels::UpdateVectors v;
  v.parameters = pointer(vectors_.parameters);
  v.gradients = pointer(vectors_.gradients);
  v.exp_avg = pointer(vectors_.exp_avg);
  v.exp_avg_sq = pointer(vectors_.exp_avg_sq);
  v.exp_avg_diff = pointer(vectors_.exp_avg_diff);
  v.previous_gradients = pointer(vectors_.previous_gradients);
  v.averages = pointer(vectors_.averages);
  v.low = vectors_.low.defined() ? vectors_.low.mutable_data_ptr() : nullptr;
  v.low_type = low_precision_ == at::kHalf ? kernels::LowType::fp16 : kernels::LowType::bf16;
  return v;
}

kernels::StepState* GraphState::step_state() const {
  return reinterpret_cast<kernels::StepState*>(step_state_.mutable_data_ptr<std::uint8_t>());
}
kernels::StepInputs* GraphState::inputs() const {
  return reinterpret_cast<kernels::StepInputs*>(inputs_.get());
}
kernels::StepOutputs* GraphState::outputs() const {
  return reinterpret_cast<kernels::StepOutputs*>(outputs_.get());
}

std::vector<GraphState::Saved> GraphState::saved_vectors() const {
  std::vector<Saved> saved{
      {"model.", vectors_.parameters}, {"exp_avg.", vectors_.exp_avg}, {"exp_avg_sq.", vectors_.exp_avg_sq}};
  if (vectors_.averages.defined()) saved.push_back({"ema.", vectors_.averages});
  if (vectors_.exp_avg_diff.defined()) {
    saved.push_back({"exp_avg_diff.", vectors_.exp_avg_diff});
    saved.push_back({"previous_gradient.", vectors_.previous_gradients});
  }
  return saved;
}

std::vector<NamedTensor> GraphState::save() const {
  std::vector<NamedTensor> state;
  for (const Saved& saved : saved_vectors()) {
    const std::vector<at::Tensor> views = vectors_.layout.views(saved.flat);
    for (std::size_t i = 0; i < views.size(); ++i) {
      state.push_back({saved.prefix + model_.parameters()[i].name, views[i]});
    }
  }
  const kernels::StepState now = read_step_state();
  if (low_precision_ == at::kHalf) {
    state.push_back({"scaler.scale", at::scalar_tensor(now.loss_scale, at::kFloat)});
    state.push_back({"scaler.growth_tracker", at::scalar_tensor(now.growth, at::kInt)});
  }
  state.push_back({"optimizer.step", at::scalar_tensor(now.updates, at::kLong)});
  return state;
}

void GraphState::load(const LoadedTensors& loaded, const std::filesystem::path& source) {
  const c10::NoGradGuard no_grad;
  const SavedState saved_state(loaded, source);
  for (const Saved& saved : saved_vectors()) {
    const std::vector<at::Tensor> views = vectors_.layout.views(saved.flat);
    for (std::size_t i = 0; i < views.size(); ++i) {
      saved_state.restore(views[i], saved.prefix + model_.parameters()[i].name);
    }
  }
  kernels::StepState state = read_step_state();
  if (low_precision_ == at::kHalf) {
    state.loss_scale = saved_state.find("scaler.scale").item<float>();
    state.growth = saved_state.find("scaler.growth_tracker").item<std::int32_t>();
  }
  state.updates = saved_state.find("optimizer.step").item<std::int64_t>();
  state.unstable_in_row = 0;  // what was before these weights says nothing any more
  outputs()->unstable_in_row = 0;
  write_step_state(state);
  renew_low();
}

std::vector<at::Tensor> GraphState::snapshot() const {
  std::vector<at::Tensor> copies{step_state_.clone()};
  for (const Saved& saved : saved_vectors()) copies.push_back(saved.flat.clone());
  return copies;
}

void GraphState::restore(const std::vector<at::Tensor>& snapshot) {
  const c10::NoGradGuard no_grad;
  step_state_.copy_(snapshot.front());
  const std::vector<Saved> saved = saved_vectors();
  for (std::size_t i = 0; i < saved.size(); ++i) saved[i].flat.copy_(snapshot[i + 1]);
  renew_low();
}

void GraphState::renew_low() {
  if (vectors_.low.defined()) vectors_.low.copy_(vectors_.parameters);
}

// On the current stream: a plain cudaMemcpy uses the legacy stream, which waits for none of LibTorch's, and could come
// before the zeros that the memory is first filled with.
kernels::StepState GraphState::read_step_state() const {
  kernels::StepState state;
  copy_now(&state, step_state(), cudaMemcpyDeviceToHost);
  return state;
}
void GraphState::write_step_state(const kernels::StepState& state) {
  copy_now(step_state(), &state, cudaMemcpyHostToDevice);
}

}  // namespace wring

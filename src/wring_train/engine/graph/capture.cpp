#include "wring_train/engine/graph/capture.h"

#include <algorithm>
#include <cstring>

#include <ATen/ATen.h>
#include <ATen/DeviceAccelerator.h>
#include <ATen/cuda/CUDAContext.h>

#include "wring_train/engine/device.h"
#include "wring_train/engine/eager/optimizer.h"
#include "wring_train/kernels/step/update.h"

namespace wring {
namespace {

void* stream() {
  return at::cuda::getCurrentCUDAStream().stream();
}

kernels::UpdateSettings update_settings(const TrainConfig& config) {
  kernels::UpdateSettings settings;
  settings.weight_decay = static_cast<float>(config.weight_decay);
  settings.ema = static_cast<float>(config.ema_decay);
  if (config.optimizer == "adam") settings.rule = kernels::UpdateRule::adam;
  if (config.optimizer == "adan") settings.rule = kernels::UpdateRule::adan;
  const AdamConstants constants = adam_constants(config.optimizer);
  settings.beta1 = static_cast<float>(constants.beta1);
  settings.beta2 = static_cast<float>(constants.beta2);
  settings.beta3 = static_cast<float>(constants.beta3);
  settings.epsilon = static_cast<float>(constants.epsilon);
  return settings;
}

kernels::FinishSettings finish_settings(const TrainConfig& config, bool scaled) {
  const AdamConstants constants = adam_constants(config.optimizer);
  return {config.grad_clip, constants.beta1, constants.beta2, constants.beta3, scaled};
}

c10::CachingDeviceAllocator::DeviceStats memory_stats(at::Device device) {
  return at::accelerator::getDeviceStats(device.index());
}
constexpr auto kAggregate = static_cast<std::size_t>(at::CachingAllocator::StatType::AGGREGATE);

}  // namespace

CapturedStep::CapturedStep(const TrainConfig& config, GraphState& state, const GraphBatches& batches,
                           std::unique_ptr<GraphSource> source, std::unique_ptr<GraphWork> work, Ranks& ranks)
    : config_(config),
      state_(state),
      batches_(batches),
      source_(std::move(source)),
      work_(std::move(work)),
      ranks_(ranks) {
  tables_.resize(static_cast<std::size_t>(batches.micro_batches) + 2);
  host_tables_.resize(tables_.size());
}

void CapturedStep::capture() {
  const at::Device device = state_.vectors().parameters.device();
  {
    const std::vector<at::Tensor> before = state_.snapshot();
    try {
      record(/*capturing=*/false);
    } catch (...) {  // out of memory, as a rule: a smaller batch goes on from here
      at::cuda::device_synchronize();
      state_.restore(before);
      throw;
    }
    at::cuda::getCurrentCUDAStream().synchronize();
    state_.restore(before);
    source_->rewind();
    // The graph gets memory of its own: what the step took outside of it would stay reserved for nothing.
    at::accelerator::emptyCache();
  }
  const std::int64_t held = memory_stats(device).allocated_bytes[kAggregate].current;
  reset_peak_memory(device);
  graph_.capture_begin({0, 0}, cudaStreamCaptureModeThreadLocal);
  try {
    record(/*capturing=*/true);
  } catch (...) {
    try {
      graph_.capture_end();
    } catch (const c10::Error&) {
      cudaGetLastError();  // the first error is the one to report
    }
    throw;
  }
  graph_.capture_end();
  const auto stats = memory_stats(device).allocated_bytes[kAggregate];
  replayed_bytes_ = stats.peak - std::min(held, stats.current);
  for (std::size_t m = 0; m < tables_.size(); ++m) {
    if (tables_[m].defined()) tables_[m].copy_(host_tables_[m]);
  }
}

// Enqueues the whole step.
void CapturedStep::record(bool capturing) {
  source_->begin();
  for (int m = 0; m < batches_.micro_batches; ++m) {
    const MicroBatch batch{source_->view(),   source_->draws(m), batches_.size,
                           batches_.lr_patch, batches_.hr_patch, 1.0F / static_cast<float>(batches_.micro_batches)};
    const bool shared = last(m) && !ranks_.alone();
    Reduced reduced{0, state_.vectors().layout.size};
    EarlyGradients early;
    if (shared) {
      early = [&](const MicroBatchResult& so_far, std::int64_t first) { reduce(so_far, first, reduced, capturing); };
    }
    const MicroBatchResult result = work_->enqueue(batch, state_.step_state(), early);
    if (shared) {
      reduce(result, 0, reduced, capturing);
      finish_reduced(capturing);
    } else {
      collect(m, result, capturing);
    }
  }
  kernels::update_parameters(state_.update_vectors(), state_.vectors().layout.size, update_settings(config_),
                             state_.step_state(), stream());
  source_->end();
}

// Sums the micro-batch's gradients up; after the last one of a single rank everything that the update needs is decided.
void CapturedStep::collect(int micro_batch, const MicroBatchResult& result, bool capturing) {
  const kernels::GradientSources sources =
      place_tables(static_cast<std::size_t>(micro_batch), result.sources, capturing);
  auto* gradients = state_.vectors().gradients.mutable_data_ptr<float>();
  const at::Tensor losses = losses_so_far(micro_batch, result);
  const bool accumulate = micro_batch > 0;
  if (last(micro_batch)) return finish(sources, accumulate, losses);
  kernels::collect_gradients(sources, gradients, accumulate, stream());
}

// The loss of the step's micro-batches as partial sums.
at::Tensor CapturedStep::losses_so_far(int micro_batch, const MicroBatchResult& result) {
  if (batches_.micro_batches == 1) return result.loss_partials;
  if (!loss_partials_.defined()) {
    loss_partials_ =
        at::zeros({batches_.micro_batches, result.loss_partials.numel()}, state_.vectors().parameters.options());
  }
  loss_partials_[micro_batch].copy_(result.loss_partials);
  return loss_partials_;
}

// Reduces the gradients from `first` up to those that were reduced before; the step's first message has the loss as
// well. Only for the last micro-batch.
void CapturedStep::reduce(const MicroBatchResult& result, std::int64_t first, Reduced& reduced, bool capturing) {
  const FlatVectors& vectors = state_.vectors();
  const bool first_message = reduced.sources == 0;
  const int micro_batch = batches_.micro_batches - 1;
  const auto table = static_cast<std::size_t>(first_message ? micro_batch : micro_batch + 1);
  const auto sources = std::span(result.sources).subspan(reduced.sources);
  kernels::collect_gradients(place_tables(table, sources, capturing), vectors.gradients.mutable_data_ptr<float>(),
                             /*accumulate=*/micro_batch > 0, stream());
  std::int64_t end = reduced.from;
  if (first_message) {
    at::Tensor loss = vectors.gradients_and_loss.narrow(0, vectors.layout.size, 1);
    at::sum_out(loss, losses_so_far(micro_batch, result).view({1, -1}), at::IntArrayRef{1});
    ++end;
  }
  // The trial run is taken back, and other ranks may not get as far.
  if (capturing) ranks_.mean(vectors.gradients_and_loss.narrow(0, first, end - first));
  reduced = {result.sources.size(), first};
}

// What every rank computes from the reduced gradients is the same: norm, clipping, skipped steps.
void CapturedStep::finish_reduced(bool capturing) {
  const FlatVectors& vectors = state_.vectors();
  kernels::GradientSource whole;
  whole.data = vectors.gradients.const_data_ptr();
  whole.count = static_cast<std::int32_t>(vectors.layout.size);
  finish(place_tables(tables_.size() - 1, std::span(&whole, 1), capturing), /*accumulate=*/false,
         vectors.gradients_and_loss.narrow(0, vectors.layout.size, 1));
}

void CapturedStep::finish(const kernels::GradientSources& sources, bool accumulate, const at::Tensor& losses) {
  const FlatVectors& vectors = state_.vectors();
  if (!norm_partials_.defined()) norm_partials_ = at::zeros({sources.chunk_count}, vectors.parameters.options());
  const bool scaled = config_.use_mixed_precision && config_.amp_dtype == "fp16";
  kernels::finish_gradients(sources, vectors.gradients.mutable_data_ptr<float>(), accumulate,
                            norm_partials_.mutable_data_ptr<float>(), losses.const_data_ptr<float>(),
                            static_cast<int>(losses.numel()), finish_settings(config_, scaled), state_.step_state(),
                            state_.outputs(), stream());
}

// The list of gradients in device memory. While capturing it is only written down; capture() sends it afterwards.
kernels::GradientSources CapturedStep::place_tables(std::size_t index, std::span<const kernels::GradientSource> sources,
                                                    bool capturing) {
  std::vector<kernels::GradientChunk> chunks;
  for (std::size_t s = 0; s < sources.size(); ++s) {
    const kernels::GradientSource& source = sources[s];
    const std::int32_t size = kernels::chunk_size(source.slabs);
    for (int first = 0; first < source.count; first += size) chunks.push_back({static_cast<std::int32_t>(s), first});
  }
  const std::size_t source_bytes = sources.size_bytes();
  const std::size_t chunk_bytes = sizeof(kernels::GradientChunk) * chunks.size();
  at::Tensor host = at::empty({static_cast<std::int64_t>(source_bytes + chunk_bytes)}, at::kByte);
  std::memcpy(host.mutable_data_ptr(), sources.data(), source_bytes);
  std::memcpy(host.mutable_data_ptr<std::uint8_t>() + source_bytes, chunks.data(), chunk_bytes);
  if (!tables_[index].defined()) {
    tables_[index] = at::empty(host.sizes(), state_.vectors().parameters.options().dtype(at::kByte));
  }
  host_tables_[index] = host;
  if (!capturing) tables_[index].copy_(host);
  const auto* base = tables_[index].const_data_ptr<std::uint8_t>();
  return {reinterpret_cast<const kernels::GradientSource*>(base),
          reinterpret_cast<const kernels::GradientChunk*>(base + source_bytes),
          static_cast<std::int32_t>(chunks.size())};
}

}  // namespace wring

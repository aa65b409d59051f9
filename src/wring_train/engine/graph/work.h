#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include <ATen/core/Tensor.h>

#include "wring/config/train_config.h"
#include "wring_train/engine/flat_parameters.h"
#include "wring_train/kernels/step/finish_step.h"
#include "wring_train/kernels/step/sample_batch.h"
#include "wring_train/kernels/step/step_state.h"
#include "wring_train/nn/edsr.h"

namespace wring {

// The flat vectors on the device, fp32, gaps zero; those that the configuration does not need are undefined.
struct FlatVectors {
  FlatLayout layout;
  at::Tensor parameters;
  at::Tensor gradients;
  at::Tensor gradients_and_loss;  // the gradients and, behind them, the step's loss: what ranks reduce
  at::Tensor exp_avg;
  at::Tensor exp_avg_sq;
  at::Tensor exp_avg_diff;        // Adan
  at::Tensor previous_gradients;  // Adan
  at::Tensor averages;            // EMA
  at::Tensor low;                 // the parameters in 16 bits
};

// One micro-batch as kernels see it, on the device.
struct MicroBatch {
  kernels::ImagesView images;
  const SampleDraw* draws = nullptr;
  int size = 0;
  int lr_patch = 0;
  int hr_patch = 0;
  float share = 1;  // in the step's loss
};

// What a micro-batch leaves behind: where its gradients lie, and its loss as partial sums. The tensors own that memory.
struct MicroBatchResult {
  std::vector<kernels::GradientSource> sources;
  at::Tensor loss_partials;  // fp32
  std::vector<at::Tensor> owners;
};

// What a micro-batch has so far: all gradients of the parameters from `first` on (in the flat vectors), perhaps others,
// and its loss. What is enqueued on the current stream comes after them. Later sources are appended.
using EarlyGradients = std::function<void(const MicroBatchResult& so_far, std::int64_t first)>;

// Forward, loss and backward of a micro-batch, enqueued on the current stream (and on others that are joined again)
// without waiting for the device, so that a CUDA graph can capture it.
class GraphWork {
 public:
  virtual ~GraphWork() = default;
  virtual std::string name() const = 0;
  // `early`, where given, may be called once in the middle of the backward pass; current is then a stream beside it.
  virtual MicroBatchResult enqueue(const MicroBatch& batch, const kernels::StepState* state,
                                   const EarlyGradients& early) = 0;
};

}  // namespace wring

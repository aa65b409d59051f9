#pragma once
#include <functional>
#include <memory>
#include <vector>

#include <ATen/core/Tensor.h>

#include "wring/config/train_config.h"
#include "wring/trial/trial.h"

namespace wring {

// A model to train, whatever made it: a torch::nn module by trained_module(), anything else by its own functions.
struct TrainedModule {
  std::function<at::Tensor(const at::Tensor& batch)> forward;
  std::vector<at::Tensor> parameters;  // that require gradients, all on one device
  std::vector<at::Tensor> buffers;     // that forward() changes, such as running means
};

// Of a torch::nn holder (Sequential, Conv2d, one of your own): its forward() takes and gives one tensor.
template <class Holder>
TrainedModule trained_module(Holder module) {
  return {[module](const at::Tensor& batch) mutable { return module->forward(batch); }, module->parameters(),
          module->buffers()};
}

// A number, on the output's device, from the output for a batch. Targets are the loss's own affair.
using ModuleLoss = std::function<at::Tensor(const at::Tensor& output)>;

// Runs trials of a model in this process: for `batch_size` of a request forward, backward and an optimiser step on one
// batch that stays on the device. `sample` (N × …, N ≥ 1) is repeated along its first dimension to that size. `loss`:
// the mean of the squared output where none is given. `config` says how a step ends: optimizer, weight_decay, lr,
// grad_clip.
//
// Running out of memory is the outcome oom; what the trial held is given back. Weights and buffers are as before after
// each trial, gradients are cleared. A trial that hangs or ends the process is not caught: for that, let a child
// process speak the trial protocol. Each optimiser's moments belong to the trial.
//
// Throws Error{usage} for a model without parameters that require gradients, parameters on several devices, or a sample
// without a first dimension. A request without batch_size measures the sample as it is; `data` can be real or resident,
// which are the same here.
std::unique_ptr<TrialRunner> module_runner(TrainedModule model, at::Tensor sample, const TrainConfig& config = {},
                                           ModuleLoss loss = {});

}  // namespace wring

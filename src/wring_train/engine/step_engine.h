#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include <ATen/core/Tensor.h>

#include "wring/base/text.h"
#include "wring/config/train_config.h"
#include "wring_train/data/batch.h"
#include "wring_train/dist/ranks.h"
#include "wring_train/engine/images.h"
#include "wring_train/nn/checkpoint.h"
#include "wring_train/nn/edsr.h"

namespace wring {

// Of the optimiser steps since the last report.
struct StepReport {
  double loss = 0;           // mean of those that were not skipped; NaN where all were
  double gradient_norm = 0;  // of the last one that was not skipped, before clipping
  std::int64_t steps = 0;
  std::int64_t skipped = 0;          // of these: loss or gradient was not finite
  std::int64_t unstable_in_row = 0;  // as StepEngine's
  std::optional<double> loss_scale;  // with fp16
};

// Runs training steps: forward, loss, backward, clipping, optimiser, EMA. `eager` is the reference for numbers; other
// engines answer to the same interface.
class StepEngine {
 public:
  virtual ~StepEngine() = default;
  virtual std::string name() const = 0;
  // As the config names it.
  virtual const std::string& optimizer() const = 0;

  // One optimiser step over these micro-batches (gradient accumulation averages them). The batches' memory may be
  // reused by the caller once the call returns their last reference. Does not wait for the device.
  // Throws DeviceMemoryError when they do not fit into the device's memory; the state is then what it was before the
  // step, which may be tried again with smaller micro-batches.
  // Where the loss or the gradient is not finite the step changes nothing, neither weights nor optimiser nor average.
  // A batch without bytes (hr is null) is drawn on the device from the images of use_images(), by its step.
  virtual void step(std::span<const Batch> micro_batches, double lr) = 0;

  // The set that batches without bytes are drawn from. Only on a GPU (throws Error{no_gpu} elsewhere).
  virtual void use_images(std::shared_ptr<const DeviceImages> images, const kernels::SamplerSettings& settings) = 0;

  // Waits for the device.
  virtual StepReport report() = 0;

  // How many steps up to the last one were skipped since the last good one, as far as the host knows without waiting.
  // Those whose gradients overflowed in fp16 while its loss scale was being found do not count.
  virtual std::int64_t unstable_in_row() const = 0;

  // The network being trained, and the one to validate and to save: the EMA, or the network itself without one.
  virtual const Edsr& model() const = 0;
  virtual const Edsr& averaged() const = 0;

  // Memory that captured steps use at every replay although LibTorch's allocator counts it as free: to be added to the
  // allocator's peak.
  virtual std::int64_t replayed_memory_bytes() const { return 0; }

  // Everything that the next step depends on, for resuming: parameters, averages, moments, step count.
  virtual std::vector<NamedTensor> state() const = 0;
  // Throws Error{failed} when a tensor is missing or of another size; `source` names the file in the message.
  virtual void load_state(const LoadedTensors& state, const std::filesystem::path& source) = 0;
};

// What `fold_tail` asks for.
inline TailPath tail_path(const TrainConfig& config) {
  return config.fold_tail == "off" ? TailPath::plain : TailPath::folded;
}

// With several `ranks` every step reduces the gradients and the loss over them, and what a rank alone decides (to cut
// batches that do not fit, not to capture) all decide. `ranks` outlives the engine.
// `note` receives one line for each choice that the user should know of (precision, engine, perceptual weights).
std::unique_ptr<StepEngine> make_step_engine(const TrainConfig& config, Edsr model, at::Device device,
                                             const std::function<void(const Text&)>& note, Ranks& ranks = lone_rank());

}  // namespace wring

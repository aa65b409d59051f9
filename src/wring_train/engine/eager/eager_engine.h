#pragma once
#include <deque>
#include <optional>

#include <c10/core/Event.h>

#include "wring_train/dist/ranks.h"
#include "wring_train/engine/eager/optimizer.h"
#include "wring_train/engine/loss_scaler.h"
#include "wring_train/engine/sampler.h"
#include "wring_train/engine/step_engine.h"
#include "wring_train/engine/step_guard.h"
#include "wring_train/nn/loss.h"

namespace wring {

// LibTorch's autograd, one kernel at a time, on the CPU or a GPU.
class EagerEngine : public StepEngine {
 public:
  // `model` has fp32 parameters; they are moved to the device. `low_precision`: autocast's type, if any.
  EagerEngine(const TrainConfig& config, Edsr model, at::Device device, std::optional<at::ScalarType> low_precision,
              Ranks& ranks = lone_rank());

  std::string name() const override { return "eager"; }
  const std::string& optimizer() const override { return config_.optimizer; }
  void step(std::span<const Batch> micro_batches, double lr) override;
  void use_images(std::shared_ptr<const DeviceImages> images, const kernels::SamplerSettings& settings) override;
  StepReport report() override;
  std::int64_t unstable_in_row() const override { return guard_.unstable_in_row(); }
  const Edsr& model() const override { return model_; }
  const Edsr& averaged() const override { return config_.ema_decay > 0 ? average_ : model_; }
  std::vector<NamedTensor> state() const override;
  void load_state(const LoadedTensors& state, const std::filesystem::path& source) override;

  const PerceptualLoss* perceptual() const { return perceptual_.get(); }

 private:
  SampledBatch load(const Batch& batch);
  at::Tensor upload(const std::shared_ptr<std::uint8_t>& bytes, std::int64_t batch, std::int64_t side);
  at::Tensor loss_of(const Batch& batch);
  at::Tensor add_gradients(std::span<const Batch> micro_batches);
  at::Tensor mean_over_ranks(const at::Tensor& loss);
  void average();
  void release_finished_uploads();

  // Host memory that a copy to the device may still be reading.
  struct Upload {
    std::shared_ptr<std::uint8_t> bytes;
    c10::Event done;
  };

  TrainConfig config_;
  at::Device device_;
  std::optional<at::ScalarType> low_precision_;
  Ranks& ranks_;
  TailPath tail_path_;
  Edsr model_;
  Edsr average_;
  Optimizer optimizer_;
  std::optional<LossScaler> scaler_;  // with fp16
  std::unique_ptr<PerceptualLoss> perceptual_;
  std::deque<Upload> uploads_;
  std::optional<DeviceSampler> sampler_;
  StepGuard guard_;
};

}  // namespace wring

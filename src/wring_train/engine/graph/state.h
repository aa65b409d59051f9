#pragma once
#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

#include <ATen/core/Tensor.h>

#include "wring_train/engine/graph/work.h"
#include "wring_train/kernels/step/update.h"
#include "wring_train/nn/checkpoint.h"

namespace wring {

// What the steps of a graph engine change, all in fixed places on the device, and the two channels to the host.
class GraphState {
 public:
  // Moves the model there. Throws Error{failed} where no memory can be page-locked.
  GraphState(const TrainConfig& config, Edsr model, at::Device device, std::optional<at::ScalarType> low_precision,
             FlatOrder order);

  // Parameters are views of the flat vectors; fp32.
  const Edsr& model() const { return model_; }
  const Edsr& average() const { return vectors_.averages.defined() ? average_ : model_; }
  const FlatVectors& vectors() const { return vectors_; }
  kernels::UpdateVectors update_vectors() const;

  kernels::StepState* step_state() const;  // device memory
  kernels::StepInputs* inputs() const;     // kStepRing of them; page-locked, read by the device
  kernels::StepOutputs* outputs() const;   // page-locked, written by the device

  // The names are the eager engine's. The device must be idle.
  std::vector<NamedTensor> save() const;
  void load(const LoadedTensors& loaded, const std::filesystem::path& source);

  // Copies of everything that a step changes, and the way back. On the current stream.
  std::vector<at::Tensor> snapshot() const;
  void restore(const std::vector<at::Tensor>& snapshot);

 private:
  struct Saved {
    const char* prefix;
    at::Tensor flat;
  };
  void allocate(const TrainConfig& config, at::Device device, FlatOrder order);
  void place(Edsr& model, const at::Tensor& flat) const;
  std::vector<Saved> saved_vectors() const;
  kernels::StepState read_step_state() const;
  void write_step_state(const kernels::StepState& state);
  void renew_low();

  std::optional<at::ScalarType> low_precision_;
  Edsr model_;
  Edsr average_;
  FlatVectors vectors_;
  at::Tensor step_state_;
  std::shared_ptr<std::uint8_t> inputs_;
  std::shared_ptr<std::uint8_t> outputs_;
};

}  // namespace wring

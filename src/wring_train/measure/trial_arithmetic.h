#pragma once
#include <map>
#include <optional>

#include <ATen/core/Tensor.h>

#include "wring/config/train_config.h"
#include "wring/trial/trial.h"

namespace wring {

// What the steps of trials ask of a device's arithmetic units, beside what these reach. The rate of one large product
// is measured once for each type.
class ArithmeticMeter {
 public:
  explicit ArithmeticMeter(at::Device device) : device_(device) {}

  // Of one optimiser step on one card. Counts what network and loss need: EDSR's tail as the one convolution that it
  // equals, also where `fold_tail: off` computes it at length.
  TrialArithmetic of(const TrainConfig& config);

 private:
  std::optional<double> matmul_tflops(at::ScalarType type);

  at::Device device_;
  std::map<at::ScalarType, std::optional<double>> measured_;
};

}  // namespace wring

#pragma once
#include <optional>

#include <ATen/core/Tensor.h>

namespace wring {

// What square matrix products reach on this device, TFLOP/s: the median of several on random numbers (zeros run
// faster). The practical ceiling beside the data sheet's. Takes about 0.2 s and 400 MiB on a large card; nothing where
// there is no room.
std::optional<double> measured_matmul_tflops(at::Device device, at::ScalarType type);

}  // namespace wring

#include "wring_train/measure/matmul_rate.h"

#include <algorithm>
#include <vector>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <c10/util/Exception.h>

#include "wring/base/clock.h"
#include "wring_train/engine/device.h"

namespace wring {
namespace {

constexpr std::int64_t kSide = 8192;
constexpr int kWarmup = 2;
constexpr int kProducts = 7;

}  // namespace

std::optional<double> measured_matmul_tflops(at::Device device, at::ScalarType type) {
  const c10::NoGradGuard no_grad;
  // A CPU would need minutes for the GPU's size; a small one says what it can do as well.
  const std::int64_t side = device.is_cpu() ? 1024 : kSide;
  // fp32 convolutions may use TF32 by LibTorch's default and products may not: the ceiling must be of the same kind.
  const bool tf32 = at::globalContext().allowTF32CuBLAS();
  at::globalContext().setAllowTF32CuBLAS(true);
  std::vector<double> seconds;
  try {
    const auto options = at::TensorOptions(device).dtype(type);
    const at::Tensor a = at::randn({side, side}, options);
    const at::Tensor b = at::randn({side, side}, options);
    at::Tensor product = at::empty({side, side}, options);
    for (int i = 0; i < kWarmup + kProducts; ++i) {
      synchronize(device);
      const auto began = SteadyClock::now();
      at::mm_out(product, a, b);
      synchronize(device);
      if (i >= kWarmup) seconds.push_back(seconds_since(began));
    }
  } catch (const c10::OutOfMemoryError&) {
    seconds.clear();
  }
  at::globalContext().setAllowTF32CuBLAS(tf32);
  if (seconds.empty()) return std::nullopt;
  std::ranges::nth_element(seconds, seconds.begin() + kProducts / 2);
  const auto n = static_cast<double>(side);
  return 2 * n * n * n / seconds[kProducts / 2] / 1e12;
}

}  // namespace wring

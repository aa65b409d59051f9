#include "wring_train/measure/trial_arithmetic.h"

#include <string>

#include "wring_train/engine/device.h"
#include "wring_train/kernels/device_identity.h"
#include "wring_train/measure/matmul_rate.h"
#include "wring_train/train/utilisation.h"

namespace wring {

TrialArithmetic ArithmeticMeter::of(const TrainConfig& config) {
  std::string why_not;
  const auto low_precision =
      config.use_mixed_precision ? mixed_precision_type(config.amp_dtype, device_, why_not) : std::nullopt;
  const std::string card = device_.is_cpu() ? "" : kernels::device_name(device_.index());
  const ArithmeticFacts facts = arithmetic_facts(config, low_precision, /*folded_tail=*/true, card);
  const auto samples = static_cast<double>(config.batch_size * config.gradient_accumulation_steps);
  TrialArithmetic arithmetic;
  arithmetic.tflop_per_step = facts.flops_per_sample * samples / 1e12;
  arithmetic.precision = facts.precision;
  arithmetic.matmul_tflops = matmul_tflops(low_precision.value_or(at::kFloat));
  return arithmetic;
}

std::optional<double> ArithmeticMeter::matmul_tflops(at::ScalarType type) {
  const auto known = measured_.find(type);
  if (known != measured_.end()) return known->second;
  return measured_[type] = measured_matmul_tflops(device_, type);
}

}  // namespace wring

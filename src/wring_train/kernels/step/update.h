#pragma once
#include <cstdint>
#include <optional>

#include "wring_train/kernels/low_type.h"
#include "wring_train/kernels/step/step_state.h"

namespace wring::kernels {

enum class UpdateRule { adamw, adam, adan };

struct UpdateSettings {
  UpdateRule rule = UpdateRule::adamw;
  float weight_decay = 0;
  float beta1 = 0.9F;
  float beta2 = 0.999F;
  float beta3 = 0;  // Adan's third
  float epsilon = 1e-8F;
  float ema = 0;  // decay of the averages; 0: none are kept
};

// Flat vectors of the same length, a multiple of 4, 16-byte aligned; those that the rule or the settings do not need
// are null.
struct UpdateVectors {
  float* parameters = nullptr;
  const float* gradients = nullptr;
  float* exp_avg = nullptr;
  float* exp_avg_sq = nullptr;
  float* exp_avg_diff = nullptr;        // Adan: of the gradients' differences
  float* previous_gradients = nullptr;  // Adan
  float* averages = nullptr;
  void* low = nullptr;  // the parameters in 16 bits
  LowType low_type = LowType::bf16;
};

// One pass over all parameters: gradients times state.gradient_factor, then the rule (Adam: Kingma, Ba 2015; AdamW:
// Loshchilov, Hutter 2019; Adan: Xie et al. 2022, arXiv 2208.06677), the averages (EMA) and the 16-bit copy. Where
// state.found_inf is set, nothing changes.
void update_parameters(const UpdateVectors& vectors, std::int64_t count, const UpdateSettings& settings,
                       const StepState* state, void* stream);

}  // namespace wring::kernels

#include "wring_train/kernels/cuda_check.h"
#include "wring_train/kernels/low_precision.cuh"
#include "wring_train/kernels/step/update.h"

namespace wring::kernels {
namespace {

constexpr int kThreads = 256;
using Four = Vec<float, 4>;

struct Element {
  float parameter, gradient, exp_avg, exp_avg_sq, exp_avg_diff, previous;
};

struct Rates {
  float lr, correction1, correction2, correction3;
  bool first;  // Adan: there is no earlier gradient yet
};

// The same order of operations as ATen's fused kernels.
__device__ void adam(Element& e, const UpdateSettings& s, const Rates& r, bool decoupled) {
  if (decoupled) {
    e.parameter -= r.lr * s.weight_decay * e.parameter;
  } else {
    e.gradient += s.weight_decay * e.parameter;
  }
  e.exp_avg = s.beta1 * e.exp_avg + (1 - s.beta1) * e.gradient;
  e.exp_avg_sq = s.beta2 * e.exp_avg_sq + (1 - s.beta2) * e.gradient * e.gradient;
  const float denominator = sqrtf(e.exp_avg_sq) / sqrtf(r.correction2) + s.epsilon;
  e.parameter -= r.lr / r.correction1 * e.exp_avg / denominator;
}

__device__ void adan(Element& e, const UpdateSettings& s, const Rates& r) {
  const float difference = r.first ? 0.0F : e.gradient - e.previous;
  e.exp_avg = s.beta1 * e.exp_avg + (1 - s.beta1) * e.gradient;
  e.exp_avg_diff = s.beta2 * e.exp_avg_diff + (1 - s.beta2) * difference;
  const float ahead = e.gradient + s.beta2 * difference;
  e.exp_avg_sq = s.beta3 * e.exp_avg_sq + (1 - s.beta3) * ahead * ahead;
  const float denominator = sqrtf(e.exp_avg_sq) / sqrtf(r.correction3) + s.epsilon;
  const float step = r.lr / r.correction1 * e.exp_avg + r.lr * s.beta2 / r.correction2 * e.exp_avg_diff;
  e.parameter = (e.parameter - step / denominator) / (1 + r.lr * s.weight_decay);
  e.previous = e.gradient;
}

template <typename T>
__global__ void __launch_bounds__(kThreads)
    update(UpdateVectors v, std::int64_t count, UpdateSettings s, const StepState* state) {
  const std::int64_t i = (static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x) * 4;
  if (i >= count || state->found_inf != 0.0F) return;
  const float factor = state->gradient_factor;
  const Rates rates{static_cast<float>(state->lr), state->correction1, state->correction2, state->correction3,
                    state->updates <= 1};
  const auto get = [i](const float* from) { return from != nullptr ? load<Four>(from + i) : Four{}; };
  Four p = get(v.parameters);
  const Four g = get(v.gradients);
  Four m = get(v.exp_avg);
  Four n = get(v.exp_avg_sq);
  Four d = get(v.exp_avg_diff);
  Four q = get(v.previous_gradients);
  for (int k = 0; k < 4; ++k) {
    Element e{p.at[k], g.at[k] * factor, m.at[k], n.at[k], d.at[k], q.at[k]};
    if (s.rule == UpdateRule::adan) {
      adan(e, s, rates);
    } else {
      adam(e, s, rates, s.rule == UpdateRule::adamw);
    }
    p.at[k] = e.parameter;
    m.at[k] = e.exp_avg;
    n.at[k] = e.exp_avg_sq;
    d.at[k] = e.exp_avg_diff;
    q.at[k] = e.previous;
  }
  const auto put = [i](float* to, const Four& four) {
    if (to != nullptr) *reinterpret_cast<Four*>(to + i) = four;
  };
  put(v.parameters, p);
  put(v.exp_avg, m);
  put(v.exp_avg_sq, n);
  put(v.exp_avg_diff, d);
  put(v.previous_gradients, q);
  if (v.averages != nullptr) {
    Four a = get(v.averages);
    for (int k = 0; k < 4; ++k) a.at[k] += (1 - s.ema) * (p.at[k] - a.at[k]);
    *reinterpret_cast<Four*>(v.averages + i) = a;
  }
  if (v.low != nullptr) {
    Vec<T, 4> low;
    for (int k = 0; k < 4; ++k) low.at[k] = narrow<T>(p.at[k]);
    *reinterpret_cast<Vec<T, 4>*>(static_cast<T*>(v.low) + i) = low;
  }
}

}  // namespace

void update_parameters(const UpdateVectors& vectors, std::int64_t count, const UpdateSettings& settings,
                       const StepState* state, void* stream) {
  const auto blocks = static_cast<unsigned>((count / 4 + kThreads - 1) / kThreads);
  with_low_type(vectors.low_type, [&](auto type) {
    update<decltype(type)><<<blocks, kThreads, 0, static_cast<cudaStream_t>(stream)>>>(vectors, count, settings, state);
  });
  check(cudaGetLastError(), "Updating the parameters");
}

}  // namespace wring::kernels

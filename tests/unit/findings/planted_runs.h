#pragma once
// Measured rates of planted runs, for the tests of the diagnosis.
#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "wring/base/error.h"
#include "wring/config/reader.h"
#include "wring/findings/diagnosis_input.h"
#include "wring/findings/judge.h"

namespace wring {

inline TrialResult rate_of(double samples_per_s, double step_ms = 10, double wait_ms = 0) {
  TrialResult result;
  result.samples_per_s = samples_per_s;
  result.step_ms = {step_ms, 0.1, step_ms * 1.05, 100};
  result.data_wait_ms = wait_ms;
  return result;
}

// A step of 10 ms on a card whose large products reach 700 TFLOP/s, and needs this share of it.
inline TrialArithmetic needs_percent(double share) {
  return {.tflop_per_step = 7 * share / 100, .matmul_tflops = 700, .precision = "bf16"};
}

inline KernelKindTime kind(KernelKind kind, double ms, double small_ms = 0) {
  return {.kind = kind, .ms = ms, .small_ms = small_ms, .calls = 10, .heaviest = "some_kernel"};
}

// A card that computes: the loader is ahead, the graph is in use, the tensor cores are busy.
inline DiagnosisInput well_tuned() {
  DiagnosisInput input;
  input.config.use_mixed_precision = true;
  input.config.compile_model = true;
  input.config.num_workers = 8;
  input.config.batch_size = 64;
  input.real = rate_of(5000);
  input.resident = rate_of(5050);
  input.resident->utilisation = {98, 92, 61, 35};
  input.resident->engine = "graph, fused";
  input.resident->arithmetic = needs_percent(67);
  input.resident->kernels = {kind(KernelKind::product, 8), kind(KernelKind::elementwise, 1.8)};
  input.loader = rate_of(20000);
  input.eager = rate_of(4000);
  input.graph = rate_of(5050);
  input.larger = rate_of(5100);
  input.larger_batch = 128;
  input.kernel_busy_percent = 98;
  input.throttled_percent = 0;
  input.cpu_cores = 16;
  return input;
}

// As shipped high_performance.yaml on an H200: bf16, one graph, perceptual loss; 1194 samples/s at batch 64.
inline DiagnosisInput captured_but_not_fused() {
  DiagnosisInput input = well_tuned();
  input.config.use_perceptual = true;
  input.real = rate_of(1190, 53.8);
  input.resident = rate_of(1194, 53.6);
  input.resident->utilisation = {99, 86, 31, 45};
  input.resident->engine = "graph";
  input.resident->kernel_busy_percent = 97;
  input.resident->arithmetic = {.tflop_per_step = 15.8, .matmul_tflops = 702, .precision = "bf16"};
  input.resident->kernels = {kind(KernelKind::product, 31), kind(KernelKind::elementwise, 14.5),
                             kind(KernelKind::layout, 4.3), kind(KernelKind::update, 1),
                             kind(KernelKind::reduction, 0.9)};
  input.kernel_busy_percent = 97;
  input.graph = input.resident;
  input.eager = rate_of(790);
  input.loader = rate_of(9000);
  input.larger = rate_of(1210);
  return input;
}

inline std::string value_in(const Finding& diagnosis, const std::string& key) {
  for (const Assignment& one : diagnosis.fix) {
    if (one.key == key) return one.value;
  }
  return "";
}

inline const Finding* find(const std::vector<Finding>& all, std::string_view key) {
  const auto found = std::ranges::find(all, key, &Finding::key);
  return found == all.end() ? nullptr : &*found;
}

}  // namespace wring

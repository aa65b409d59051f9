#include "wring/findings/attainable.h"

#include <algorithm>

namespace wring {
namespace {

double ms_of(const TrialResult& result, KernelKind kind) {
  double ms = 0;
  for (const KernelKindTime& time : result.kernels) ms += time.kind == kind ? time.ms : 0;
  return ms;
}

std::optional<Attainable> attainable_at(std::optional<double> tflop, std::optional<double> rate, double step_ms) {
  if (!tflop || !rate || *tflop <= 0 || *rate <= 0 || step_ms <= 0) return std::nullopt;
  Attainable found;
  found.needed_ms = 1000 * *tflop / *rate;
  found.step_ms = step_ms;
  found.share_percent = 100 * found.needed_ms / found.step_ms;
  found.reach = std::max(1.0, found.step_ms / found.needed_ms);
  return found;
}

}  // namespace

std::optional<Attainable> attainable(const TrialResult& result) {
  if (result.outcome != TrialOutcome::ok) return std::nullopt;
  return attainable_at(result.arithmetic.tflop_per_step, result.arithmetic.matmul_tflops, result.step_ms.median);
}

std::optional<Attainable> attainable(const Observation& seen, const StepWork& work, double step_ms) {
  if (!seen.rate || work.products.empty() || work.products.front().type != seen.rate->type) return std::nullopt;
  const ObservedPrecision& precision = seen.precision;
  const bool convolves = work.products.front().convolves;
  if (seen.rate->type == "float32" && convolves && precision.tf32_cudnn != precision.tf32_matmul) return std::nullopt;
  return attainable_at(work.tflop_per_step(), seen.rate->tflops, step_ms);
}

double kind_percent(const TrialResult& result, KernelKind kind) {
  double all = 0;
  for (const KernelKindTime& time : result.kernels) all += time.ms;
  const double whole = std::max(all, result.step_ms.median);
  return whole > 0 ? 100 * ms_of(result, kind) / whole : 0;
}

std::optional<double> product_rate_percent(const TrialResult& result) {
  const auto found = attainable(result);
  const double products = ms_of(result, KernelKind::product) + ms_of(result, KernelKind::fp32_product);
  if (!found || products <= 0) return std::nullopt;
  return 100 * found->needed_ms / products;
}

}  // namespace wring

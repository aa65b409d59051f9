#include "wring/findings/attainable.h"

#include <algorithm>

namespace wring {
namespace {

double ms_of(const TrialResult& result, KernelKind kind) {
  double ms = 0;
  for (const KernelKindTime& time : result.kernels) ms += time.kind == kind ? time.ms : 0;
  return ms;
}

}  // namespace

std::optional<Attainable> attainable(const TrialResult& result) {
  const TrialArithmetic& arithmetic = result.arithmetic;
  if (result.outcome != TrialOutcome::ok || result.step_ms.median <= 0) return std::nullopt;
  if (!arithmetic.tflop_per_step || !arithmetic.matmul_tflops) return std::nullopt;
  if (*arithmetic.tflop_per_step <= 0 || *arithmetic.matmul_tflops <= 0) return std::nullopt;
  Attainable found;
  found.needed_ms = 1000 * *arithmetic.tflop_per_step / *arithmetic.matmul_tflops;
  found.step_ms = result.step_ms.median;
  found.share_percent = 100 * found.needed_ms / found.step_ms;
  found.reach = std::max(1.0, found.step_ms / found.needed_ms);
  return found;
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

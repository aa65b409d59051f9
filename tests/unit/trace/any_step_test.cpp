#include <random>

#include <gtest/gtest.h>

#include "unit/trace/planted_trace.h"
#include "wring/trace/step_shares.h"

namespace wring {
namespace {

// Steps in which anything may overlap with anything, also as no real program would have it.
Trace random_trace(std::mt19937& random) {
  const auto up_to = [&](double most) { return std::uniform_real_distribution<double>(0, most)(random); };
  const auto one_of = [&](int count) { return std::uniform_int_distribution<int>(0, count - 1)(random); };
  constexpr const char* kNames[] = {"gemm", "ncclDevKernel_AllReduce", "Memcpy HtoD (Pageable -> Device)",
                                    "Memcpy DtoH (Device -> Pageable)", "Memcpy HtoD (Pinned -> Device)"};
  constexpr const char* kWaits[] = {"cudaStreamSynchronize", "cudaEventSynchronize", "cudaMemcpy"};
  PlantedTrace planted;
  const int steps = 1 + one_of(4);
  for (int i = 0; i <= steps; ++i) planted.on(PlantedTrace::kStepper).mark(10'000 * i);
  const int events = 1 + one_of(60);
  for (int i = 0; i < events; ++i) {
    const double at = up_to(10'000 * steps - 1);
    planted.on(one_of(2) == 0 ? PlantedTrace::kStepper : PlantedTrace::kAutograd);
    switch (one_of(8)) {
      case 0:
        planted.loader(at, up_to(5000));
        break;
      case 1:
        planted.call(kWaits[one_of(3)], at, up_to(5000));
        break;
      case 2:
        planted.annotation("Optimizer.step#SGD.step", at, up_to(5000));
        break;
      case 3:
        planted.op("autograd::engine::evaluate_function: MmBackward0", at, up_to(5000));
        break;
      case 4:
        planted.op("aten::item", at, up_to(2000));
        break;
      default: {
        const int name = one_of(5);
        const PlantedTrace::Run run = {
            .begin = at + up_to(9000), .length = up_to(4000), .name = kNames[name], .stream = one_of(3)};
        if (name < 2) {
          planted.kernel(at, run);
        } else {
          planted.copy(at, up_to(4000), run);
        }
      }
    }
  }
  return planted.trace();
}

TEST(AnyStep, ItsSharesAddUpAndNoneIsNegative) {
  std::mt19937 random(7);
  int divided = 0;
  for (int i = 0; i < 400; ++i) {
    const Trace trace = random_trace(random);
    const double step_ms = std::uniform_real_distribution<double>(0.01, 30)(random);
    const double wait_ms = std::uniform_real_distribution<double>(0, 40)(random);
    const auto shares = divide_steps(trace, step_ms, wait_ms).shares;
    if (!shares) continue;
    ++divided;
    double sum = 0;
    for (const double part : {shares->computing_ms, shares->copy_ms, shares->collective_ms, shares->loader_ms,
                              shares->sync_ms, shares->optimizer_ms, shares->launch_ms}) {
      ASSERT_GE(part, 0) << "trace " << i;
      sum += part;
    }
    ASSERT_NEAR(sum, step_ms, 1e-6) << "trace " << i;
    ASSERT_LE(shares->elsewhere_ms, shares->launch_ms + 1e-9) << "trace " << i;
  }
  EXPECT_GT(divided, 300);
}

}  // namespace
}  // namespace wring

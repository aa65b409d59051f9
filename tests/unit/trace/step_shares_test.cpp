#include "wring/trace/step_shares.h"

#include <functional>
#include <limits>

#include <gtest/gtest.h>

#include "unit/trace/planted_trace.h"

namespace wring {
namespace {

constexpr const char* kPageable = "Memcpy HtoD (Pageable -> Device)";
constexpr const char* kPinned = "Memcpy HtoD (Pinned -> Device)";
constexpr const char* kNccl = "ncclDevKernel_AllReduce_Sum_f32_RING_LL(ncclDevKernelArgsStorage<4096ul>)";

// Three steps of `length` µs, planted by `step` from its begin on, between four marks.
Trace steps_of(double length, const std::function<void(PlantedTrace&, double)>& step) {
  PlantedTrace planted;
  for (int i = 0; i < 3; ++i) {
    planted.on(PlantedTrace::kStepper).mark(1000 + i * length);
    step(planted, 1000 + i * length);
  }
  planted.on(PlantedTrace::kStepper).mark(1000 + 3 * length);
  return planted.trace();
}

// What holds of any shares.
StepShares divided(const Trace& trace, double step_ms, double loader_wait_ms = 0) {
  const DividedSteps steps = divide_steps(trace, step_ms, loader_wait_ms);
  EXPECT_TRUE(steps.shares) << steps.reason.en;
  const StepShares shares = steps.shares.value_or(StepShares{});
  EXPECT_NEAR(shares.computing_ms + shares.copy_ms + shares.collective_ms + shares.loader_ms + shares.sync_ms +
                  shares.optimizer_ms + shares.launch_ms,
              step_ms, 1e-9 * step_ms);
  EXPECT_EQ(shares.step_ms, step_ms);
  for (const double part : {shares.computing_ms, shares.copy_ms, shares.collective_ms, shares.loader_ms, shares.sync_ms,
                            shares.optimizer_ms, shares.launch_ms, shares.elsewhere_ms}) {
    EXPECT_GE(part, 0);
  }
  EXPECT_LE(shares.elsewhere_ms, shares.launch_ms);
  return shares;
}

constexpr double kNear = 0.05;  // ms: the delays of a launch are a median

TEST(StepShares, ABatchThatIsWaitedForWhileTheDeviceIdlesIsTheLoaders) {
  const StepShares shares = divided(steps_of(10'000,
                                             [](PlantedTrace& planted, double at) {
                                               planted.loader(at, 8000);
                                               planted.op("aten::mul", at + 8000, 20);
                                               planted.kernel(at + 8005, {.begin = at + 8010, .length = 1490});
                                             }),
                                    10, 8);
  EXPECT_EQ(shares.steps, 3);
  EXPECT_NEAR(shares.loader_ms, 8, kNear);
  EXPECT_NEAR(shares.computing_ms, 1.49, kNear);
  EXPECT_NEAR(shares.launch_ms, 0.51, kNear);
}

TEST(StepShares, AWaitForABatchUnderTheDevicesWorkLosesNothing) {
  const StepShares shares = divided(steps_of(10'000,
                                             [](PlantedTrace& planted, double at) {
                                               planted.kernel(at + 5, {.begin = at + 10, .length = 9000});
                                               planted.loader(at + 500, 8000);
                                               planted.op("aten::mul", at + 8500, 1500);
                                             }),
                                    10, 8);
  EXPECT_NEAR(shares.loader_ms, 0, kNear);
  EXPECT_NEAR(shares.computing_ms, 9, kNear);
  EXPECT_NEAR(shares.launch_ms, 1, kNear);
}

TEST(StepShares, ThePlainWaitForABatchCounts) {
  const auto step = [](PlantedTrace& planted, double at) {
    planted.loader(at, 4000);
    planted.kernel(at + 4000, {.begin = at + 4005, .length = 1995});
  };
  EXPECT_NEAR(divided(steps_of(6000, step), 10, 8).loader_ms, 8, kNear);
  EXPECT_NEAR(divided(steps_of(6000, step), 3, 1).loader_ms, 1, kNear);
  const auto without = [](PlantedTrace& planted, double at) { planted.kernel(at, {.begin = at + 5, .length = 1995}); };
  EXPECT_NEAR(divided(steps_of(2000, without), 10, 8).loader_ms, 8, kNear);
}

TEST(StepShares, GapsBetweenSmallKernelsAreLaunches) {
  const StepShares shares =
      divided(steps_of(10'000,
                       [](PlantedTrace& planted, double at) {
                         for (int i = 0; i < 10; ++i) {
                           planted.op("aten::mul", at + 1000 * i, 900);
                           planted.kernel(at + 1000 * i + 500, {.begin = at + 1000 * i + 506, .length = 200});
                         }
                       }),
              10);
  EXPECT_NEAR(shares.launch_ms, 8, kNear);
  EXPECT_NEAR(shares.computing_ms, 2, kNear);
  EXPECT_NEAR(shares.elsewhere_ms, 0, kNear);
  EXPECT_NEAR(shares.host_scale, 1, 0.01);
}

TEST(StepShares, LongWorkOutsideOfOperatorsIsToldApart) {
  const StepShares shares = divided(steps_of(10'000,
                                             [](PlantedTrace& planted, double at) {
                                               planted.op("aten::mul", at, 20);
                                               planted.kernel(at, {.begin = at + 5, .length = 3000});
                                             }),
                                    10);
  EXPECT_NEAR(shares.launch_ms, 7, kNear);
  EXPECT_NEAR(shares.elsewhere_ms, 7, kNear);
}

TEST(StepShares, WhatTheProfilerAddsToTheHostIsTakenOff) {
  const StepShares shares =
      divided(steps_of(20'000,
                       [](PlantedTrace& planted, double at) {
                         for (int i = 0; i < 10; ++i) {
                           planted.kernel(at + 2000 * i, {.begin = at + 2000 * i + 5, .length = 200});
                         }
                       }),
              10);
  EXPECT_NEAR(shares.computing_ms, 2, kNear);
  EXPECT_NEAR(shares.launch_ms, 8, kNear);
  EXPECT_NEAR(shares.host_scale, 0.5, 0.01);
  EXPECT_NEAR(shares.stretch, 1, 1e-6);
}

// The host launches in a millisecond what the device does in six, waits for it, and is busy for `after` µs more.
Trace steps_with_a_sync(double after) {
  return steps_of(6010 + after, [&](PlantedTrace& planted, double at) {
    planted.op("aten::mul", at, 10);
    planted.kernel(at + 5, {.begin = at + 10, .length = 3000});
    planted.op("aten::mm", at + 500, 500);
    planted.kernel(at + 990, {.begin = at + 3010, .length = 3000});
    planted.op("aten::item", at + 1000, 5010);
    planted.call("cudaStreamSynchronize", at + 1000, 5010);
    planted.op("aten::mul", at + 6010, after);
  });
}

TEST(StepShares, GapsAfterASyncAreItsDoingWhereTheHostCouldHaveBeenAhead) {
  const StepShares shares = divided(steps_with_a_sync(3000), 9.01);
  EXPECT_NEAR(shares.computing_ms, 6, kNear);
  EXPECT_NEAR(shares.sync_ms, 3.01, kNear);
  EXPECT_NEAR(shares.launch_ms, 0, kNear);
}

TEST(StepShares, ASlowHostWouldLoseTheRestWithoutTheSyncToo) {
  const StepShares shares = divided(steps_with_a_sync(7000), 13.01);
  EXPECT_NEAR(shares.computing_ms, 6, kNear);
  EXPECT_NEAR(shares.launch_ms, 2, kNear);
  EXPECT_NEAR(shares.sync_ms, 5.01, kNear);
}

TEST(StepShares, ASyncOfTheAutogradThreadCountsAndThatOfABystanderDoesNot) {
  const auto step = [](std::int64_t waiting) {
    return [waiting](PlantedTrace& planted, double at) {
      planted.on(PlantedTrace::kAutograd).kernel(at + 5, {.begin = at + 10, .length = 6000});
      planted.on(waiting).call("cudaEventSynchronize", at + 100, 5910);
      planted.on(PlantedTrace::kStepper).op("aten::mul", at + 6010, 3000);
    };
  };
  EXPECT_NEAR(divided(steps_of(9010, step(PlantedTrace::kAutograd)), 9.01).sync_ms, 3.01, kNear);
  EXPECT_NEAR(divided(steps_of(9010, step(77)), 9.01).sync_ms, 0, kNear);
}

TEST(StepShares, AnEarlyEventIsWaitedForAndNotWhatFollowsIt) {
  // The host waits for the first kernel and goes on while the second one runs: nothing is lost.
  const StepShares shares = divided(steps_of(6000,
                                             [](PlantedTrace& planted, double at) {
                                               planted.kernel(at, {.begin = at + 5, .length = 2995});
                                               planted.kernel(at + 10, {.begin = at + 3000, .length = 2995});
                                               planted.call("cudaEventSynchronize", at + 20, 2990);
                                               planted.op("aten::mul", at + 3010, 2980);
                                             }),
                                    6);
  EXPECT_NEAR(shares.computing_ms, 5.99, kNear);
  EXPECT_NEAR(shares.sync_ms, 0, kNear);
}

TEST(StepShares, APageableCopyIsTheCopysWithWhatTheHostDoesForIt) {
  const StepShares shares =
      divided(steps_of(10'000,
                       [](PlantedTrace& planted, double at) {
                         planted.op("aten::to", at, 3020);
                         planted.copy(at, 3000, {.begin = at + 200, .length = 2800, .name = kPageable});
                         planted.call("cudaStreamSynchronize", at + 3005, 10);
                         planted.kernel(at + 3020, {.begin = at + 3025, .length = 6970});
                         planted.op("aten::mul", at + 3030, 100);
                         planted.call("cudaStreamSynchronize", at + 3200, 6795);
                       }),
              10);
  EXPECT_NEAR(shares.computing_ms, 6.97, kNear);
  EXPECT_NEAR(shares.copy_ms + shares.sync_ms, 3.03, kNear);
  EXPECT_GT(shares.copy_ms, 2.9);
}

TEST(StepShares, ACopyUnderAKernelCostsNothingAndAloneItDoes) {
  const StepShares shares =
      divided(steps_of(10'000,
                       [](PlantedTrace& planted, double at) {
                         planted.kernel(at, {.begin = at + 5, .length = 6000});
                         planted.copy(at + 10, 5, {.begin = at + 4005, .length = 4000, .name = kPinned, .stream = 9});
                         planted.kernel(at + 20, {.begin = at + 8005, .length = 1995});
                       }),
              10);
  EXPECT_NEAR(shares.computing_ms, 7.995, kNear);
  EXPECT_NEAR(shares.copy_ms, 2, kNear);
}

TEST(StepShares, ACollectiveCountsWhereNothingElseRuns) {
  const StepShares shares =
      divided(steps_of(10'000,
                       [](PlantedTrace& planted, double at) {
                         planted.kernel(at, {.begin = at + 5, .length = 6000});
                         planted.kernel(at + 10, {.begin = at + 4005, .length = 5995, .name = kNccl, .stream = 20});
                       }),
              10);
  EXPECT_NEAR(shares.computing_ms, 6, kNear);
  EXPECT_NEAR(shares.collective_ms, 3.995, kNear);
}

TEST(StepShares, TheOptimisersOwnHostWorkIsItsOwn) {
  const StepShares shares =
      divided(steps_of(10'000,
                       [](PlantedTrace& planted, double at) {
                         planted.kernel(at, {.begin = at + 5, .length = 5000});
                         planted.op("aten::mul", at, 5000);
                         planted.annotation("Optimizer.step#Adam.step", at + 5000, 5000);
                         for (int i = 0; i < 5; ++i) {
                           planted.op("aten::add_", at + 5000 + 1000 * i, 900);
                           planted.kernel(at + 5000 + 1000 * i, {.begin = at + 5005 + 1000 * i, .length = 200});
                         }
                       }),
              10);
  EXPECT_NEAR(shares.computing_ms, 6, kNear);
  EXPECT_NEAR(shares.optimizer_ms, 4, kNear);
}

TEST(StepShares, WhatAClosureComputesInTheOptimisersStepIsNotTheOptimisers) {
  const StepShares shares =
      divided(steps_of(10'000,
                       [](PlantedTrace& planted, double at) {
                         planted.annotation("Optimizer.step#Adam.step", at, 10'000);
                         planted.op("aten::mm", at, 4000);
                         planted.kernel(at, {.begin = at + 5, .length = 1000});
                         planted.on(PlantedTrace::kAutograd);
                         planted.op("autograd::engine::evaluate_function: MmBackward0", at + 4000, 4000);
                         planted.kernel(at + 4000, {.begin = at + 4005, .length = 1000});
                         planted.on(PlantedTrace::kStepper).op("aten::add_", at + 8000, 2000);
                         planted.kernel(at + 8000, {.begin = at + 8005, .length = 500});
                       }),
              10);
  EXPECT_NEAR(shares.computing_ms, 2.5, kNear);
  EXPECT_NEAR(shares.optimizer_ms, 1.5, kNear);
  EXPECT_NEAR(shares.launch_ms, 6, kNear);
}

TEST(StepShares, WorkThatTheDeviceDoesAfterTheHostsMarkBelongsToItsStep) {
  PlantedTrace planted;
  for (int i = 0; i < 3; ++i) {
    planted.mark(1000 + 2000 * i);
    planted.kernel(1500 + 2000 * i, {.begin = 1510.0 + 10'000 * i, .length = 10'000});
  }
  planted.mark(7000);
  planted.kernel(7500, {.begin = 31'510, .length = 10'000});  // of the next step
  const StepShares shares = divided(planted.trace(), 10);
  EXPECT_NEAR(shares.computing_ms, 10, kNear);
}

TEST(StepShares, AFullQueueIsNoWorkOfTheHost) {
  // The host launches 600 kernels a step of 10 µs each, and from the second step on each call waits for a place.
  PlantedTrace planted;
  double host = 1000;
  double device = 1010;
  for (int step = 0; step < 3; ++step) {
    planted.mark(host);
    for (int i = 0; i < 6; ++i) {
      for (int k = 0; k < 99; ++k, host += 2, device += 10) planted.kernel(host, {.begin = device, .length = 10});
      const bool full = step > 0;
      planted.launch("cudaLaunchKernel", host, full ? 790 : 2, {.begin = device, .length = 10});
      host += full ? 800 : 2;
      device += 10;
    }
  }
  planted.mark(host);
  const StepShares shares = divided(planted.trace(), 6);
  EXPECT_NEAR(shares.computing_ms, 6, kNear);
  EXPECT_NEAR(shares.stretch, 1, 0.01);
}

TEST(StepShares, TheKernelsOfACapturedGraphBelongToItsOneLaunch) {
  const StepShares shares =
      divided(steps_of(10'000,
                       [](PlantedTrace& planted, double at) {
                         planted.launch("cudaGraphLaunch", at, 50, {.begin = at + 60, .length = 90});
                         for (int i = 1; i < 99; ++i) planted.more({.begin = at + 60 + 100 * i, .length = 90});
                         planted.call("cudaDeviceSynchronize", at + 60, 9895);
                       }),
              10);
  EXPECT_NEAR(shares.computing_ms, 8.91, kNear);
  EXPECT_NEAR(shares.launch_ms + shares.sync_ms, 1.09, kNear);
  EXPECT_GT(shares.launch_ms, 0.9);
}

TEST(StepShares, APlainStepThatIsShorterThanTheDevicesWorkIsToldAsSuch) {
  const Trace trace =
      steps_of(10'000, [](PlantedTrace& planted, double at) { planted.kernel(at, {.begin = at + 5, .length = 9000}); });
  const StepShares shorter = divided(trace, 6);
  EXPECT_NEAR(shorter.computing_ms, 6, kNear);
  EXPECT_NEAR(shorter.stretch, 6.0 / 9, 1e-3);
  const StepShares longer = divided(trace, 20);
  EXPECT_NEAR(longer.computing_ms, 18, kNear);
  EXPECT_NEAR(longer.stretch, 2, 1e-3);
}

TEST(StepShares, WhereThereIsNothingToDivideTheReasonIsTold) {
  EXPECT_FALSE(divide_steps(Trace(), 10, 0).shares);
  EXPECT_EQ(divide_steps(PlantedTrace().mark(0).kernel(1, {.begin = 2, .length = 3}).trace(), 10, 0).reason.en,
            "the profile holds no whole step");
  EXPECT_EQ(divide_steps(PlantedTrace().mark(0).op("aten::mm", 1, 2).mark(10).trace(), 10, 0).reason.en,
            "the profile shows no work on a GPU");
  const Trace whole = PlantedTrace().mark(0).kernel(1, {.begin = 2, .length = 3}).mark(10).trace();
  for (const double none : {0.0, -1.0, std::numeric_limits<double>::quiet_NaN()}) {
    EXPECT_EQ(divide_steps(whole, none, 0).reason.en, "no step was measured without the profiler");
  }
  EXPECT_TRUE(divide_steps(whole, 10, std::numeric_limits<double>::quiet_NaN()).shares);
}

TEST(StepShares, WorkOfNoLengthIsNothingToDivide) {
  EXPECT_NEAR(divided(PlantedTrace().mark(0).kernel(0, {.begin = 0, .length = 0}).mark(10).trace(), 10).computing_ms, 0,
              kNear);
  const Trace waits = PlantedTrace().mark(0).loader(0, 10).kernel(0, {.begin = 0, .length = 0}).mark(10).trace();
  EXPECT_EQ(divide_steps(waits, 10, 0).reason.en, "nothing of the profiled steps took time");
}

}  // namespace
}  // namespace wring

#include "wring/trace/step_work.h"

#include <functional>

#include <gtest/gtest.h>

#include "unit/trace/planted_trace.h"

namespace wring {
namespace {

constexpr double kNear = 1e-9;

// Two steps of 10 ms, both planted by `step` from its begin on.
StepWork work_of(const std::function<void(PlantedTrace&, double)>& step) {
  PlantedTrace planted;
  for (const double at : {0.0, 10'000.0}) {
    planted.on(PlantedTrace::kStepper).mark(at);
    step(planted, at);
  }
  planted.on(PlantedTrace::kStepper).mark(20'000);
  const auto work = step_work(planted.trace());
  EXPECT_TRUE(work);
  return work.value_or(StepWork{});
}

TEST(StepWork, KernelsAreDividedByWhatTheyDo) {
  const StepWork work = work_of([](PlantedTrace& planted, double at) {
    planted.op("aten::cudnn_convolution", at, 100, "float");
    planted.kernel(at, {.begin = at + 10, .length = 100, .name = "nchwToNhwcKernel"});
    planted.kernel(at + 5, {.begin = at + 110, .length = 2000, .name = "implicit_gemm"});
    planted.kernel(at + 10, {.begin = at + 2110, .length = 60, .name = "nhwcToNchwKernel"});
    planted.op("aten::relu", at + 200, 100, "float");
    planted.kernel(at + 200, {.begin = at + 2200, .length = 840, .name = "void elementwise_kernel<4>"});
  });
  EXPECT_EQ(work.steps, 2);
  EXPECT_NEAR(work.kernels, 4, kNear);
  EXPECT_NEAR(work.mean_kernel_us, 750, kNear);
  ASSERT_EQ(work.kinds.size(), 3U);
  EXPECT_EQ(work.kinds[0].kind, KernelKind::product);
  EXPECT_EQ(work.kinds[0].heaviest, "implicit_gemm");
  EXPECT_NEAR(work.kinds[0].ms, 2, kNear);
  EXPECT_NEAR(work.ms_of(KernelKind::elementwise), 0.84, kNear);
  EXPECT_NEAR(work.ms_of(KernelKind::layout), 0.16, kNear);
  EXPECT_NEAR(work.ms_of(KernelKind::collective), 0, kNear);
  EXPECT_NEAR(work.order_conversions, 2, kNear);
  EXPECT_NEAR(work.order_conversions_ms, 0.16, kNear);
}

TEST(StepWork, ProductsAreToldApartByTheTypeOfTheOperatorsInputs) {
  const StepWork work = work_of([](PlantedTrace& planted, double at) {
    planted.op("aten::mm", at, 100, "c10::BFloat16");
    planted.kernel(at, {.begin = at + 10, .length = 3000, .name = "nvjet_tst"});
    planted.on(PlantedTrace::kAutograd).op("aten::convolution_backward", at + 200, 100, "c10::BFloat16");
    planted.kernel(at + 200, {.begin = at + 3010, .length = 1000, .name = "dgrad2d_c1_k1_nhwc"});
    planted.op("aten::addmm", at + 400, 100, "float");
    planted.kernel(at + 400, {.begin = at + 4010, .length = 500, .name = "nvjet_tst"});
    planted.outside().launch("cudaGraphLaunch", at + 600, 10, {.begin = at + 4510, .length = 250, .name = "some_gemm"});
  });
  ASSERT_EQ(work.products.size(), 3U);
  EXPECT_EQ(work.products[0].type, "bfloat16");
  EXPECT_NEAR(work.products[0].ms, 4, kNear);
  EXPECT_EQ(work.products[1].type, "float32");
  EXPECT_NEAR(work.products[1].ms, 0.5, kNear);
  EXPECT_EQ(work.products[2].type, "");
  EXPECT_NEAR(work.products[2].ms, 0.25, kNear);
  EXPECT_NEAR(work.ms_of(KernelKind::fp32_product), 0.5, kNear);
  EXPECT_NEAR(work.graph_launches, 1, kNear);
}

TEST(StepWork, TheArithmeticOfAnOperatorCountsOnceHoweverManyKernelsItLaunches) {
  const StepWork work = work_of([](PlantedTrace& planted, double at) {
    planted.op("aten::mm", at, 100, "c10::BFloat16").flops(3e12);
    planted.kernel(at, {.begin = at + 10, .length = 2000, .name = "nvjet_tst"});
    planted.kernel(at + 5, {.begin = at + 2010, .length = 100, .name = "splitKreduce_kernel"});
    planted.op("aten::cudnn_convolution", at + 200, 100, "float").flops(0.5e12);
    planted.kernel(at + 200, {.begin = at + 2110, .length = 1000, .name = "implicit_gemm"});
  });
  ASSERT_EQ(work.products.size(), 2U);
  EXPECT_NEAR(work.products[0].tflop.value_or(0), 3, kNear);
  EXPECT_FALSE(work.products[0].convolves);
  EXPECT_NEAR(work.products[1].tflop.value_or(0), 0.5, kNear);
  EXPECT_TRUE(work.products[1].convolves);
  EXPECT_NEAR(work.tflop_per_step().value_or(0), 3.5, kNear);
}

TEST(StepWork, ProductsOfUnknownShapesLeaveTheArithmeticUnknown) {
  const auto with_unknown = [](double length) {
    return work_of([length](PlantedTrace& planted, double at) {
      planted.op("aten::mm", at, 100, "c10::BFloat16").flops(3e12);
      planted.kernel(at, {.begin = at + 10, .length = 2000, .name = "nvjet_tst"});
      planted.outside().kernel(at + 5, {.begin = at + 2010, .length = length, .name = "triton_tem_fused_mm"});
    });
  };
  EXPECT_FALSE(with_unknown(100).tflop_per_step());
  const StepWork none = work_of([](PlantedTrace& planted, double at) {
    planted.op("aten::relu", at, 100, "float").kernel(at, {.begin = at + 10, .length = 400});
  });
  EXPECT_FALSE(none.tflop_per_step());
}

TEST(StepWork, AnFp32StepHasNoFp32Parts) {
  const StepWork work = work_of([](PlantedTrace& planted, double at) {
    planted.op("aten::mm", at, 100, "float");
    planted.kernel(at, {.begin = at + 10, .length = 3000, .name = "sgemm"});
    planted.op("aten::mm", at + 200, 100, "c10::Half");  // too little to be what the step computes in
    planted.kernel(at + 200, {.begin = at + 3010, .length = 100, .name = "hgemm"});
  });
  EXPECT_NEAR(work.ms_of(KernelKind::product), 3.1, kNear);
  EXPECT_NEAR(work.ms_of(KernelKind::fp32_product), 0, kNear);
  ASSERT_EQ(work.products.size(), 2U);
  EXPECT_EQ(work.products[1].type, "float16");
}

// A step of an optimiser by operators of this name, after a forward pass by the same.
StepWork optimizer_of(const char* op) {
  return work_of([op](PlantedTrace& planted, double at) {
    planted.op(op, at, 100, "float").kernel(at, {.begin = at + 10, .length = 400});
    planted.annotation("Optimizer.step#Adam.step", at + 1000, 500);
    planted.op(op, at + 1000, 100, "float").kernel(at + 1000, {.begin = at + 1010, .length = 200});
    planted.kernel(at + 1100, {.begin = at + 1210, .length = 100});
  });
}

TEST(StepWork, TheOptimisersFormShowsInItsOperators) {
  const StepWork single = optimizer_of("aten::addcdiv_");
  EXPECT_EQ(single.optimizer_form, OptimizerForm::single_tensor);
  EXPECT_NEAR(single.optimizer_kernels, 2, kNear);
  EXPECT_NEAR(single.optimizer_ms, 0.3, kNear);
  EXPECT_NEAR(single.ms_of(KernelKind::update), 0.3, kNear);
  EXPECT_NEAR(single.ms_of(KernelKind::elementwise), 0.4, kNear);
  EXPECT_EQ(optimizer_of("aten::_foreach_addcdiv_").optimizer_form, OptimizerForm::foreach);
  EXPECT_EQ(optimizer_of("aten::_fused_adamw_").optimizer_form, OptimizerForm::fused);
  EXPECT_EQ(optimizer_of("CompiledFunction").optimizer_form, OptimizerForm::unknown);
}

TEST(StepWork, CopiesAreCountedByTheirWay) {
  const StepWork work = work_of([](PlantedTrace& planted, double at) {
    planted.op("aten::copy_", at, 1200);
    planted.copy(at, 1000, {.begin = at + 10, .length = 900, .name = "Memcpy HtoD (Pageable -> Device)"}, 1'000'000);
    planted.call("cudaStreamSynchronize", at + 1010, 5);  // the copy's own
    planted.op("aten::copy_", at + 1300, 10);
    planted.copy(at + 1300, 5, {.begin = at + 1310, .length = 100, .name = "Memcpy HtoD (Pinned -> Device)"}, 2000);
    planted.op("aten::copy_", at + 1500, 10);
    planted.copy(at + 1500, 5, {.begin = at + 1510, .length = 50, .name = "Memcpy DtoD (Device -> Device)"});
  });
  EXPECT_NEAR(work.pageable_to_device.count, 1, kNear);
  EXPECT_NEAR(work.pageable_to_device.ms, 0.9, kNear);
  EXPECT_NEAR(work.pageable_to_device.bytes, 1e6, 1e-3);
  EXPECT_NEAR(work.pinned_to_device.count, 1, kNear);
  EXPECT_NEAR(work.pinned_to_device.bytes, 2000, 1e-6);
  EXPECT_NEAR(work.to_host.count, 0, kNear);
  EXPECT_TRUE(work.syncs.empty());
}

TEST(StepWork, SyncsAreCountedByTheOperatorThatMakesThem) {
  const StepWork work = work_of([](PlantedTrace& planted, double at) {
    planted.outside().call("cudaDeviceSynchronize", at, 5);
    for (int i = 0; i < 3; ++i) {
      const double item = at + 100 + 100 * i;
      planted.op("aten::_local_scalar_dense", item, 50);
      planted.copy(item, 5, {.begin = item + 10, .length = 2, .name = "Memcpy DtoH (Device -> Pinned)"});
      planted.call("cudaStreamSynchronize", item + 10, 20);
    }
    planted.op("aten::_local_scalar_dense", at + 600, 50);  // of a number that the host has
    planted.op("aten::nonzero", at + 700, 50).call("cudaStreamSynchronize", at + 700, 20);
    planted.call("cudaStreamIsCapturing", at + 800, 1);
    planted.call("cudaMemcpyAsync", at + 810, 1);
    planted.on(77).call("cudaEventSynchronize", at + 820, 1);  // a thread that launches nothing
  });
  EXPECT_NEAR(work.sync_calls(), 5, kNear);
  EXPECT_NEAR(work.sync_calls_of("aten::_local_scalar_dense"), 3, kNear);
  EXPECT_NEAR(work.to_host.count, 3, kNear);
  ASSERT_FALSE(work.syncs.empty());
  EXPECT_EQ(work.syncs[0].op, "aten::_local_scalar_dense");
  EXPECT_NEAR(work.sync_calls_of("aten::nonzero"), 1, kNear);
  EXPECT_NEAR(work.sync_calls_of(""), 1, kNear);
}

TEST(StepWork, CollectivesCountAlsoUnderOtherKernels) {
  const StepWork work = work_of([](PlantedTrace& planted, double at) {
    planted.kernel(at, {.begin = at + 10, .length = 2000});
    planted.kernel(at + 5, {.begin = at + 1000, .length = 2000, .name = "ncclDevKernel_AllReduce", .stream = 9});
  });
  EXPECT_NEAR(work.collectives, 1, kNear);
  EXPECT_NEAR(work.collectives_ms, 2, kNear);
  EXPECT_NEAR(work.ms_of(KernelKind::collective), 1.495, kNear);  // half of the time that it shares
}

TEST(StepWork, ATraceWithoutStepsHasNone) {
  EXPECT_FALSE(step_work(Trace()));
  EXPECT_FALSE(step_work(PlantedTrace().mark(0).op("aten::mm", 1, 2).mark(10).trace()));
}

}  // namespace
}  // namespace wring

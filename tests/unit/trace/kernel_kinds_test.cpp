#include "wring/trace/kernel_kinds.h"

#include <numeric>
#include <vector>

#include <gtest/gtest.h>

namespace wring {
namespace {

KernelKind of_name(const char* name, bool sixteen_bit = true) {
  return kernel_kind({.name = name, .op = "", .input_type = ""}, sixteen_bit);
}

TEST(KernelKind, TheOperatorDecidesWhereItIsKnown) {
  const char* const silent = "dgrad2d_c1_k1_nhwc_specialized_kernel";
  EXPECT_EQ(kernel_kind({.name = silent, .op = "aten::convolution_backward", .input_type = "c10::BFloat16"}, true),
            KernelKind::product);
  EXPECT_EQ(kernel_kind({.name = silent, .op = "aten::convolution_backward", .input_type = "float"}, true),
            KernelKind::fp32_product);
  EXPECT_EQ(kernel_kind({.name = "void some::kernel<float>", .op = "aten::sum", .input_type = "float"}, true),
            KernelKind::reduction);
  EXPECT_EQ(
      kernel_kind({.name = "void at::native::elementwise_kernel<4>", .op = "aten::copy_", .input_type = ""}, true),
      KernelKind::layout);
}

TEST(KernelKind, AConvolutionsConversionsAreNoProducts) {
  EXPECT_EQ(kernel_kind({.name = "void cudnn::engines_precompiled::nchwToNhwcKernel<__nv_bfloat16, …>",
                         .op = "aten::cudnn_convolution",
                         .input_type = "c10::BFloat16"},
                        true),
            KernelKind::layout);
}

TEST(KernelKind, OperatorsOfOtherNetworksAreKnown) {
  const auto of_op = [](const char* op) {
    return kernel_kind({.name = "void some::kernel<4>", .op = op, .input_type = "float"}, false);
  };
  EXPECT_EQ(of_op("aten::_efficient_attention_backward"), KernelKind::product);
  EXPECT_EQ(of_op("aten::_scaled_dot_product_flash_attention"), KernelKind::other);  // launches nothing itself
  EXPECT_EQ(of_op("aten::_scaled_mm"), KernelKind::product);
  EXPECT_EQ(of_op("aten::native_batch_norm_backward"), KernelKind::elementwise);
  EXPECT_EQ(of_op("aten::native_layer_norm"), KernelKind::elementwise);
  EXPECT_EQ(of_op("aten::_log_softmax"), KernelKind::elementwise);
}

TEST(KernelKind, CompiledModelsNameTheirKernelsByTemplate) {
  EXPECT_EQ(of_name("triton_tem_fused_addmm_3"), KernelKind::product);
  EXPECT_EQ(of_name("triton_red_fused_native_layer_norm_2"), KernelKind::reduction);
  EXPECT_EQ(of_name("triton_per_fused_sum_1"), KernelKind::reduction);
  EXPECT_EQ(of_name("triton_poi_fused_gelu_0"), KernelKind::elementwise);
}

TEST(KernelKind, AnFp32StepHasNoFp32PartsToBlame) {
  EXPECT_EQ(kernel_kind({.name = "ampere_sgemm_128x64_nn", .op = "aten::mm", .input_type = "float"}, false),
            KernelKind::product);
  EXPECT_EQ(of_name("ampere_sgemm_128x64_nn", true), KernelKind::fp32_product);
  EXPECT_EQ(of_name("sm80_xmma_fprop_implicit_gemm_tf32f32_tf32f32_f32_nhwckrsc_nhwc_tilesize128x128x16"),
            KernelKind::fp32_product);
}

TEST(KernelKind, ANameThatTellsNoPrecisionIsNotTakenForFp32) {
  EXPECT_EQ(of_name("dgrad2d_c1_k1_nhwc_specialized_kernel"), KernelKind::product);
  EXPECT_EQ(of_name("nvjet_hsh_128x256_64x4_2x1_v_bz_coopA_TNT"), KernelKind::product);
}

TEST(KernelKind, WithinAGraphTheNamesFamiliesAreWhatIsLeft) {
  EXPECT_EQ(of_name("sm90_xmma_wgrad_implicit_gemm_indexed_bf16bf16_bf16f32_f32_nhwckrsc_nhwc"), KernelKind::product);
  EXPECT_EQ(of_name("void cublasLt::splitKreduce_kernel<32, 16, int, float>"), KernelKind::product);
  EXPECT_EQ(of_name("void at::native::vectorized_elementwise_kernel<4, at::native::CUDAFunctor_add<float>>"),
            KernelKind::elementwise);
  EXPECT_EQ(of_name("void at::native::(anonymous namespace)::max_pool_forward_nhwc<c10::BFloat16>"),
            KernelKind::elementwise);
  EXPECT_EQ(of_name("void at::native::unrolled_elementwise_kernel<at::native::direct_copy_kernel_cuda(…)>"),
            KernelKind::layout);
  EXPECT_EQ(of_name("void at::native::reduce_kernel<512, 1, at::native::ReduceOp<float>>"), KernelKind::reduction);
  EXPECT_EQ(of_name("void at::native::(anonymous namespace)::multi_tensor_apply_kernel<…>"), KernelKind::update);
  EXPECT_EQ(of_name("Memcpy HtoD (Pinned -> Device)"), KernelKind::copy);
  EXPECT_EQ(of_name("Memset (Device)"), KernelKind::copy);
  EXPECT_EQ(of_name("ncclDevKernel_AllReduce_Sum_f32_RING_LL"), KernelKind::collective);
  EXPECT_EQ(of_name("somebody_elses_kernel"), KernelKind::other);
}

TEST(KernelKind, WringsOwnKernelsAreKnownByTheirFunctions) {
  EXPECT_EQ(of_name("void wring::kernels::(anonymous namespace)::convolve<__nv_bfloat16, 64, 3>(ConvArguments)"),
            KernelKind::product);
  EXPECT_EQ(of_name("void wring::kernels::(anonymous namespace)::weight_gradients<__half>(…)"), KernelKind::product);
  EXPECT_EQ(of_name("wring::kernels::(anonymous namespace)::update(UpdateArguments)"), KernelKind::update);
  EXPECT_EQ(of_name("void wring::kernels::(anonymous namespace)::stage_forward<float>(…)"), KernelKind::other);
  EXPECT_EQ(of_name("wring::kernels::(anonymous namespace)::collect(GradientSources, float*, bool)"),
            KernelKind::update);
  EXPECT_EQ(of_name("void wring::kernels::(anonymous namespace)::collect_bias<float>(…)"), KernelKind::other);
}

TEST(KernelKind, EveryKindHasARowThatLeadsBack) {
  const auto rows = kernel_kind_rows();
  ASSERT_EQ(rows.size(), kKernelKinds);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(static_cast<std::size_t>(rows[i].kind), i);
    EXPECT_EQ(kernel_kind_of_key(rows[i].key), rows[i].kind);
    EXPECT_NE(rows[i].name.en, rows[i].name.zh);
  }
  EXPECT_EQ(kernel_kind_of_key("tea"), std::nullopt);
}

double of(const DividedTime& time, KernelKind kind) {
  return time.ns[static_cast<std::size_t>(kind)];
}

TEST(DivideTime, IsEachKernelsOwnWhereTheyFollowEachOther) {
  const std::vector<KernelRun> runs = {{KernelKind::product, 100, 400}, {KernelKind::update, 500, 600}};
  const DividedTime time = divide_time(runs);
  EXPECT_EQ(of(time, KernelKind::product), 300);
  EXPECT_EQ(of(time, KernelKind::update), 100);
}

TEST(DivideTime, IsSharedWhereSeveralRunAtOnceSoThatTheSumIsTheTimeInWhichAnyRan) {
  const std::vector<KernelRun> runs = {
      {KernelKind::product, 0, 100, true}, {KernelKind::elementwise, 40, 100}, {KernelKind::product, 40, 100}};
  const DividedTime time = divide_time(runs);
  EXPECT_DOUBLE_EQ(of(time, KernelKind::product), 40 + 40);
  EXPECT_DOUBLE_EQ(of(time, KernelKind::elementwise), 20);
  EXPECT_DOUBLE_EQ(std::accumulate(time.ns.begin(), time.ns.end(), 0.0), 100);
  EXPECT_DOUBLE_EQ(time.small_ns[static_cast<std::size_t>(KernelKind::product)], 40 + 20);
}

TEST(DivideTime, OfNothingIsNothing) {
  const std::vector<KernelRun> runs = {{KernelKind::product, 100, 100}, {KernelKind::product, 100, 90}};
  EXPECT_EQ(of(divide_time(runs), KernelKind::product), 0);
}

TEST(SmallLaunch, IsOneThatLeavesAQuarterOfTheCardWithoutABlock) {
  EXPECT_TRUE(is_small_launch(R"("stream": 7, "blocks per SM": 0.5, "warps per SM": 2, "grid": [66, 1, 1])"));
  EXPECT_FALSE(is_small_launch(R"("blocks per SM": 0.97, "grid": [128, 1, 1])"));
  EXPECT_FALSE(is_small_launch(R"("blocks per SM": 12)"));
}

TEST(SmallLaunch, IsNotClaimedWhereTheProfilerSaysNothing) {
  EXPECT_FALSE(is_small_launch(""));
  EXPECT_FALSE(is_small_launch(R"("blocks per SM": inf)"));
  EXPECT_FALSE(is_small_launch(R"("blocks per SM": )"));
}

}  // namespace
}  // namespace wring

#include "wring/findings/computing_parts.h"

#include <algorithm>
#include <array>
#include <string>

#include <fmt/format.h>

namespace wring {
namespace {

// Products whose launches leave so much of their time a part of the card empty are small ones.
constexpr double kMostlySmall = 0.5;

enum class Part { products, fp32_products, passes, conversions, update };

struct PartTime {
  Part part = Part::products;
  double ms = 0;
};

// In FLOP/s people write bf16, and TF32 where fp32 runs as that.
std::string precision_name(const ProgramInput& program) {
  const std::string& type = program.seen.rate->type;
  if (type == "bfloat16") return "bf16";
  if (type == "float16") return "fp16";
  return program.seen.precision.tf32_matmul ? "TF32" : "fp32";
}

double products_ms(const StepWork& work) {
  return work.ms_of(KernelKind::product) + work.ms_of(KernelKind::fp32_product);
}

// Of the products what they take beyond the time that they need; of everything else all of it.
PartTime heaviest(const ProgramInput& program, const Attainable& found) {
  const StepWork& work = program.work;
  const std::array<PartTime, 5> parts = {{
      {Part::products, work.ms_of(KernelKind::product) - found.needed_ms},
      {Part::fp32_products, work.ms_of(KernelKind::fp32_product)},
      {Part::passes, work.ms_of(KernelKind::elementwise) + work.ms_of(KernelKind::reduction)},
      {Part::conversions, work.ms_of(KernelKind::layout)},
      {Part::update, work.ms_of(KernelKind::update)},
  }};
  return *std::ranges::max_element(parts, {}, &PartTime::ms);
}

bool are_small(const StepWork& work) {
  const auto products = std::ranges::find(work.kinds, KernelKind::product, &KernelKindTime::kind);
  return products != work.kinds.end() && products->small_ms >= kMostlySmall * products->ms;
}

Text of_products(const ProgramInput& program, const Attainable& found) {
  if (are_small(program.work)) {
    return {
        "convolutions and matrix products too small to fill the card: wider layers, or more samples a step (which "
        "changes the "
        "optimisation)",
        "卷积与矩阵乘太小，填不满显卡：加宽网络层，或每步更多样本（会改变优化过程）"};
  }
  const double share = 100 * found.needed_ms / products_ms(program.work);
  return {
      "convolutions and matrix products at {:.0f} % of the rate of a large one: sizes that are no multiples of 8 "
      "(channels, "
      "vocabulary) take slower kernels",
      "卷积与矩阵乘只达到大矩阵乘速率的 {:.0f}%：尺寸（通道数、词表）不是 8 的倍数时只能用较慢的核函数", share};
}

Text of_part(const ProgramInput& program, const Attainable& found, Part part) {
  const bool compiled = program.seen.compiled_modules > 0;
  switch (part) {
    case Part::products:
      return of_products(program, found);
    case Part::fp32_products:
      return {"convolutions and matrix products in fp32 within a step of 16 bits", "16 位训练步中的 fp32 卷积与矩阵乘"};
    case Part::passes:
      return compiled
                 ? Text("elementwise operations and reductions, which torch.compile has fused already",
                        "逐元素运算与归约（torch.compile 已做融合）")
                 : Text("elementwise operations and reductions: torch.compile can fuse them; the gain was not measured",
                        "逐元素运算与归约：torch.compile 可将其融合，收益未测量");
    case Part::conversions:
      return {"conversions of type and layout: casts and copies between the matrix products",
              "类型与布局转换：矩阵乘之间的类型转换与拷贝"};
    case Part::update:
      return {"the optimiser's passes over the parameters", "优化器对参数的遍历"};
  }
  return {};
}

}  // namespace

Text attained_text(const ProgramInput& program, const Attainable& found) {
  const double reached = program.seen.rate->tflops * found.share_percent / 100;
  return {"{:.3g} of {:.3g} TFLOP/s attainable in {} ({:.0f} %)",
          "{2} 下达到可达速率 {1:.3g} TFLOP/s 中的 {0:.3g}（{3:.0f}%）",
          reached,
          program.seen.rate->tflops,
          precision_name(program),
          found.share_percent};
}

Text where_computing_goes(const ProgramInput& program, const Attainable& found) {
  const PartTime most = heaviest(program, found);
  const double share = 100 * most.ms / program.shares.step_ms;
  return {"most of the rest, {:.0f} % of a step, are {}", "其余时间中最大的一项（每步的 {:.0f}%）：{}", share,
          of_part(program, found, most.part)};
}

}  // namespace wring

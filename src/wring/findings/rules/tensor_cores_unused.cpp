#include <algorithm>
#include <optional>
#include <string>

#include <fmt/format.h>

#include "wring/agent/words.h"
#include "wring/findings/diagnosis.h"
#include "wring/findings/evidence.h"
#include "wring/findings/program.h"
#include "wring/findings/rules/rules.h"
#include "wring/tune/search/words.h"

namespace wring::rules {
namespace {

// A vision transformer in exact fp32 showed 2.5 % tensor and 56 % FP32 activity on an H200; networks in bf16 11 to 18
// and 2 to 7.
constexpr double kHardlyUsed = 4;
constexpr double kSmAtWork = 50;
constexpr double kFp32AtWork = 10;

// Where 16 bits gain less they are not worth a change of the numbers: per cent of the rate by a trial, of a program's
// step by the bound that its trace gives.
constexpr double kMixedGain = 15;

// What 16 bits leave of a product is a quarter at most (peaks of tensor cores and of the other units are further
// apart), and of one that runs as TF32 already a half.
constexpr double kFp32GivesBack = 0.75;
constexpr double kTf32GivesBack = 0.5;

double fp32_products_ms(const StepWork& work) {
  const auto fp32 = std::ranges::find(work.products, "float32", &ProductTime::type);
  return fp32 == work.products.end() ? 0 : fp32->ms;
}

// What allows TF32, without what is allowed already.
std::string tf32_switches(const ObservedPrecision& precision) {
  std::string code;
  if (!precision.tf32_matmul) code = R"(torch.set_float32_matmul_precision("high"))";
  if (!precision.tf32_cudnn) code += (code.empty() ? "" : "; ") + std::string("torch.backends.cudnn.allow_tf32 = True");
  return code;
}

// GPM's word alone: kernels' names do not tell the precision.
bool leaves_tensor_cores_unused(const Features& f) {
  return below(f.tensor_activity, kHardlyUsed) && at_least(f.sm_activity, kSmAtWork) &&
         at_least(f.fp32_activity, kFp32AtWork) && below(f.dram_activity, limit::kDramBound);
}

}  // namespace

std::optional<Finding> tensor_cores_unused(const Features& f) {
  if (!leaves_tensor_cores_unused(f)) return std::nullopt;
  return Finding{"tensor_cores_unused",
                 {"the tensor cores are hardly used: the other units do the arithmetic",
                  "张量核心几乎没有用上：运算由其他单元完成"},
                 activity(f).add("FP32 activity", "FP32活跃度", f.fp32_activity).text(),
                 {"tensor activity < {} % while SM activity ≥ {} %, FP32 activity ≥ {} % and DRAM activity < {} %",
                  "张量核心活跃度 < {}%，而 SM活跃度 ≥ {}%、FP32活跃度 ≥ {}% 且显存带宽利用率 < {}%", kHardlyUsed,
                  kSmAtWork, kFp32AtWork, limit::kDramBound},
                 0.85,
                 {"where the results may round differently: use_mixed_precision: true (bf16 autocast), or TF32 "
                  "(torch.set_float32_matmul_precision('high'))",
                  "若允许舍入不同：设置 use_mixed_precision: true（bf16 autocast），或启用 TF32"
                  "（torch.set_float32_matmul_precision('high')）"},
                 {}};
}

// Told by a trial of both precisions.
void precision_bound(Diagnosis& diagnosis) {
  const DiagnosisInput& in = diagnosis.input();
  if (in.config.use_mixed_precision || !ran(in.mixed) || !ran(in.resident)) return;
  const double gain = percent(*in.mixed->samples_per_s / *in.resident->samples_per_s - 1);
  if (gain < kMixedGain) return;
  Finding& found = diagnosis.add(
      "precision_bound",
      {"precision-bound: 32-bit arithmetic, while the 16-bit matrix units stand idle",
       "受精度限制：使用 32 位运算，16 位矩阵单元闲置"},
      percent(1 - 1 / (1 + gain / 100)), confidence_of(gain, kMixedGain, 60),
      {"in 32 bits the step makes {} samples/s, in 16 {} ({} % more)", "32 位下每步 {} samples/s，16 位下 {}（快 {}%）",
       rate_figure(in.resident->samples_per_s), rate_figure(in.mixed->samples_per_s), percent_figure(gain / 100)},
      {"16-bit arithmetic gains {:.0f} % or more on a resident batch", "数据常驻时 16 位运算提速 {:.0f}% 以上",
       kMixedGain},
      {"compute in 16 bits and keep the weights in 32: use_mixed_precision=true",
       "用 16 位计算、32 位保存权重：use_mixed_precision=true"});
  found.fix.push_back({"use_mixed_precision", "true"});
}

// Of a program: what its operators compute in, as they say themselves.
void tensor_cores_unused(ProgramDiagnosis& diagnosis) {
  const ProgramInput& in = diagnosis.input();
  const ObservedPrecision& precision = in.seen.precision;
  const double products_ms = fp32_products_ms(in.work);
  const double share = diagnosis.percent_of_step(products_ms);
  const bool tf32 = precision.tf32_matmul && precision.tf32_cudnn;
  const double given_back = tf32 ? kTf32GivesBack : kFp32GivesBack;
  const double line = kMixedGain / given_back;
  if (share < line || precision.autocast == "bfloat16" || precision.autocast == "float16") return;
  const Text flags = in.seen.without_agent ? Text()
                                           : Text("; TF32 is {} for matrix products and {} for convolutions",
                                                  "；TF32：矩阵乘 {}，卷积 {}", on_off(precision.tf32_matmul),
                                                  on_off(precision.tf32_cudnn));
  ProgramFinding& found = diagnosis.add(
      "tensor_cores_unused",
      {"{:.0f} % of a step are convolutions and matrix products in fp32", "每步有 {:.0f}% 的时间是 fp32 卷积与矩阵乘",
       share},
      products_ms * given_back, confidence_of(share, line, 60),
      {"convolutions and matrix products of fp32 tensors take {:.2f} ms of {:.2f}{}",
       "fp32 张量的卷积与矩阵乘占每步 {1:.2f} ms 中的 {0:.2f} ms{2}", products_ms, diagnosis.step_ms(), flags},
      {"convolutions and matrix products of fp32 tensors take ≥ {:.0f} % of a step",
       "fp32 张量的卷积与矩阵乘占每步 ≥ {:.0f}%", line});
  found.finding.next_step = {"compute in 16 bits on the tensor cores; the weights stay in 32",
                             "在张量核心上用 16 位计算；权重保持 32 位"};
  found.changes.push_back({{},
                           "loss = criterion(model(x), y)",
                           R"(with torch.autocast("cuda", torch.bfloat16): loss = criterion(model(x), y))",
                           ResultsEffect::rounding});
  if (tf32) return;
  found.changes.push_back({{},
                           "",
                           tf32_switches(precision),
                           ResultsEffect::rounding,
                           {"instead, where 16 bits are not wanted", "若不想用 16 位，可改用此法"}});
}

}  // namespace wring::rules

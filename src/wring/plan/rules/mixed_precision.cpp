#include <fmt/format.h>

#include "wring/plan/draft.h"
#include "wring/plan/rules/rules.h"

namespace {

constexpr int kAmpere = 8;  // the first compute capability with bf16 matrix units

}  // namespace

void wring::rules::mixed_precision(Draft& draft) {
  draft.set(&TrainConfig::use_mixed_precision, true, Effect::speed,
            draft.because({"16-bit arithmetic runs on the matrix units and halves the memory of activations",
                           "16 位计算可使用矩阵单元，并使激活值占用的显存减半"}));
  if (!draft.machine().card || !draft.machine().card->compute_major) return;
  const int major = *draft.machine().card->compute_major;
  if (major >= kAmpere || draft.config().amp_dtype != "bf16") return;
  draft.set(
      &TrainConfig::amp_dtype, "fp16", Effect::speed,
      draft.because(
          {fmt::format("its compute capability {}.x has no bf16 arithmetic, which begins with 8.0", major),
           fmt::format("计算能力 {}.x 不支持 bf16 运算（从 8.0 开始支持）", major)}));
}

#include <fmt/format.h>

#include "wring/plan/draft.h"
#include "wring/plan/rules/rules.h"

namespace {

// Compute capabilities: the first with 16-bit matrix units, and the first whose matrix units know bf16.
constexpr int kVolta = 7;
constexpr int kAmpere = 8;

}  // namespace

void wring::rules::mixed_precision(Draft& draft) {
  const auto& card = draft.machine().card;
  const int major = card ? card->compute_major.value_or(kAmpere) : kAmpere;
  const Text gain = major >= kVolta
                        ? Text("16-bit arithmetic runs on the matrix units and halves the memory of activations",
                               "16 位计算可使用矩阵单元，并使激活值占用的显存减半")
                        : Text("16-bit activations take half the memory", "16 位激活值占用的显存减半");
  draft.set(&TrainConfig::use_mixed_precision, true, draft.because(gain));
  if (major >= kAmpere || draft.config().amp_dtype != "bf16") return;
  draft.set(&TrainConfig::amp_dtype, "fp16",
            draft.because({"its compute capability {}.x has no bf16 arithmetic, which begins with 8.0",
                           "计算能力 {}.x 不支持 bf16 运算（从 8.0 开始支持）", major}));
}

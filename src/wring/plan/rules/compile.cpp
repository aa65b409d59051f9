#include "wring/plan/draft.h"
#include "wring/plan/rules/rules.h"

void wring::rules::compile(Draft& draft) {
  draft.set(&TrainConfig::compile_model, true, Effect::speed,
            draft.because({"a captured step is launched once instead of kernel by kernel",
                           "捕获后的训练步只需启动一次，而不是逐个内核启动"}));
}

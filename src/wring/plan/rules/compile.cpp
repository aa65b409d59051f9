#include "wring/plan/draft.h"
#include "wring/plan/rules/rules.h"

// Without the key the fastest engine is in use already.
void wring::rules::compile(Draft& draft) {
  if (fast_engine_wanted(draft.config())) return;
  draft.set(&TrainConfig::compile_model, true,
            draft.because({"lets Wring run the step on the fastest engine it has for this card",
                           "由 Wring 选用该显卡上最快的训练步引擎"}));
}

#include "wring/plan/draft.h"
#include "wring/plan/rules/rules.h"

// A norm that the user chose stays, whatever it is.
void wring::rules::grad_clip(Draft& draft) {
  if (draft.config().grad_clip > 0.0) return;
  draft.set(&TrainConfig::grad_clip, 1.0,
            {"shortening gradients to a norm of 1.0 keeps one bad batch from throwing the run",
             "将梯度范数限制在 1.0，避免个别异常批次破坏训练"});
}

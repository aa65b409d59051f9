#include "wring/plan/draft.h"
#include "wring/plan/rules/rules.h"

// The guide switches the perceptual loss on where there is room for it. It changes what is trained for, which is the
// user's to decide.
void wring::rules::perceptual(Draft& draft) {
  const TrainConfig& config = draft.config();
  const bool asked = draft.options().perceptual == PerceptualLoss::on;
  const bool has_room = draft.target().values.use_perceptual;
  if (config.use_perceptual || (!asked && !has_room)) return;
  if (draft.keep_model() || draft.options().perceptual == PerceptualLoss::as_it_is) {
    draft.note(
        {"use_perceptual stays off, because it would change what the network is trained for; wring optimize "
         "--perceptual switches it on",
         "use_perceptual 保持关闭，因为它会改变训练目标；wring optimize --perceptual 可将其打开"});
    return;
  }
  const Text gain = has_room ? draft.because({"has memory and arithmetic to spare for VGG-19 features: more texture, "
                                              "at a lower PSNR",
                                              "有余力计算 VGG-19 特征：纹理更丰富，但 PSNR 会降低"})
                             : Text("asked for: VGG-19 features give more texture, at a lower PSNR",
                                    "按要求打开：VGG-19 特征使纹理更丰富，但 PSNR 会降低");
  draft.set(&TrainConfig::use_perceptual, true, Effect::optimisation, gain);
  if (!config.perceptual_weights_file.empty()) return;
  draft.note(
      {"use_perceptual without perceptual_weights_file compares features of a fixed random VGG-19; give "
       "trained weights for the usual perceptual loss",
       "use_perceptual 未指定 perceptual_weights_file 时，比较的是固定随机 VGG-19 的特征；"
       "如需通常的感知损失，请提供训练好的权重"});
}

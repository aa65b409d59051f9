#include "wring/config/vgg_weights.h"
#include "wring/plan/draft.h"
#include "wring/plan/rules/rules.h"

namespace wring {
namespace {

// Whose features they are decides what is trained for, so that it is said together with the change.
Text weights_of(const TrainConfig& config, const Machine& machine) {
  if (!config.perceptual_weights_file.empty()) return describe(find_vgg_weights(config));
  if (machine.vgg_weights) return describe(VggWeights{*machine.vgg_weights, false});
  return {"the weights are looked for where it trains", "权重在训练的机器上查找"};
}

}  // namespace

// The guide switches the perceptual loss on where there is room for it. It changes what is trained for, which is the
// user's to decide.
void rules::perceptual(Draft& draft) {
  const TrainConfig& config = draft.config();
  const bool asked = draft.options().perceptual == PerceptualChoice::on;
  const bool has_room = draft.target().values.use_perceptual;
  if (config.use_perceptual || (!asked && !has_room)) return;
  if (draft.keep_model() || draft.options().perceptual == PerceptualChoice::as_it_is) {
    draft.note(
        {"use_perceptual stays off, because it would change what the network is trained for; wring optimize "
         "--perceptual switches it on",
         "use_perceptual 保持关闭，因为它会改变训练目标；wring optimize --perceptual 可将其打开"});
    return;
  }
  const Text weights = weights_of(config, draft.machine());
  const Text gain = has_room ? draft.because({"has memory and arithmetic to spare for VGG-19 features: more texture, "
                                              "at a lower PSNR",
                                              "有余力计算 VGG-19 特征：纹理更丰富，但 PSNR 会降低"})
                             : Text("asked for: VGG-19 features give more texture, at a lower PSNR",
                                    "按要求打开：VGG-19 特征使纹理更丰富，但 PSNR 会降低");
  draft.set(&TrainConfig::use_perceptual, true, {"{}; {}", "{}；{}", gain, weights});
}

}  // namespace wring

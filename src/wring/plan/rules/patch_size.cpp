#include <fmt/format.h>

#include "wring/plan/draft.h"
#include "wring/plan/rules/rules.h"

// Larger patches give every layer more pixels and the network more context.
void wring::rules::patch_size(Draft& draft) {
  const TrainConfig& config = draft.config();
  const std::int64_t scale = config.scale_factor;
  const std::int64_t patch = draft.target().values.patch_size / scale * scale;  // scale 3: 255 in place of 256
  if (patch <= config.patch_size) return;
  if (draft.keep_model()) {
    draft.note({"patch_size {} stays, because the model is to be kept; this machine would be given {}",
                "按要求保持模型不变：patch_size {} 不作修改；此机器原本会使用 {}", config.patch_size, patch});
    return;
  }
  const double larger = static_cast<double>(patch) / static_cast<double>(config.patch_size);
  draft.set(&TrainConfig::patch_size, patch,
            draft.because({"a patch of {} pixels has {:.3g}× the work of one of {}",
                           "边长 {0} 像素的图块，计算量是 {2} 像素时的 {1:.3g} 倍", patch, larger * larger,
                           config.patch_size}));
  draft.note({"patch_size {} leaves out training images with a side below {} pixels",
              "patch_size {} 会跳过任一边小于 {} 像素的训练图像", patch, patch});
}

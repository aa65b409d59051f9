#include <algorithm>

#include <fmt/format.h>

#include "wring/plan/draft.h"
#include "wring/plan/rules/rules.h"

// A small network cannot fill a large GPU: its layers end before their launches are paid for.
void wring::rules::model_size(Draft& draft) {
  const TrainConfig& config = draft.config();
  const Tier& tier = draft.target().values;
  const std::int64_t channels = std::max(config.base_channels, tier.base_channels);
  const std::int64_t blocks = std::max(config.num_blocks, tier.num_blocks);
  if (channels == config.base_channels && blocks == config.num_blocks) return;
  if (draft.keep_model()) {
    draft.note(
        {"base_channels {} and num_blocks {} stay, because the model is to be kept; this machine "
         "would be given {} and {}",
         "按要求保持模型不变：base_channels {}、num_blocks {} 不作修改；此机器原本会使用 {} 和 {}",
         config.base_channels, config.num_blocks, channels, blocks});
    return;
  }
  const double wider = static_cast<double>(channels) / static_cast<double>(config.base_channels);
  draft.set(&TrainConfig::base_channels, channels,
            draft.because({"{} channels give each convolution {:.3g}× the arithmetic of {}",
                           "{0} 个通道使每个卷积的计算量达到 {2} 个通道时的 {1:.3g} 倍", channels, wider * wider,
                           config.base_channels}));
  draft.set(&TrainConfig::num_blocks, blocks,
            draft.because({"{} residual blocks in place of {} make a step long enough to hide its launches",
                           "残差块由 {1} 个增加到 {0} 个，使每步计算足以掩盖启动开销", blocks, config.num_blocks}));
}

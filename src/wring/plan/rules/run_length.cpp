#include "wring/plan/run_length.h"

#include <cmath>

#include <fmt/format.h>

#include "wring/plan/draft.h"
#include "wring/plan/rules/rules.h"

namespace wring {
namespace {

// Below this a run is as long as before: it comes from rounding to whole steps.
constexpr double kSame = 0.01;

Text reason_for_total(const RunLength& before, const RunLength& after) {
  return {"{} patches of {} pixels a step in place of {} of {}: the whole run sees as many pixels as before",
          "每步 {} 个 {} 像素的图块，原为 {} 个 {} 像素：整个训练的像素数与原来相同",
          after.samples_per_step,
          after.patch_size,
          before.samples_per_step,
          before.patch_size};
}

}  // namespace

// A larger batch or patch over as many steps is a longer run: the user says whether that is meant.
void rules::run_length(Draft& draft) {
  const RunLength before = wring::run_length(draft.original()), now = wring::run_length(draft.config());
  const double ratio = now.pixels() / before.pixels();
  if (std::abs(ratio - 1) < kSame) return;
  const TrainConfig same = with_same_pixels(draft.original(), draft.config());
  if (!draft.options().same_samples) {
    draft.note(
        {"the run keeps its {} steps, and so sees {} × the pixels; wring optimize --same-samples "
         "keeps the pixels instead, in {} steps",
         "训练仍为 {} 步，因此像素数为原来的 {} 倍；wring optimize --same-samples "
         "则保持像素数不变，改为 {} 步",
         now.total_iters, ratio_text(ratio), same.total_iters});
    return;
  }
  const std::string factor =
      ratio_text(static_cast<double>(same.total_iters) / static_cast<double>(draft.original().total_iters));
  const Text with_it{"goes with total_iters (× {})", "随 total_iters 调整（× {}）", factor};
  draft.set(&TrainConfig::total_iters, same.total_iters, reason_for_total(before, now));
  draft.set(&TrainConfig::warmup_iters, same.warmup_iters, with_it);
  draft.set(&TrainConfig::milestones, same.milestones, with_it);
  draft.set(&TrainConfig::val_freq, same.val_freq, with_it);
  draft.set(&TrainConfig::checkpoint_freq, same.checkpoint_freq, with_it);
  if (Text note = average_note(draft.original(), draft.config()); !note.empty()) draft.note(std::move(note));
}

}  // namespace wring

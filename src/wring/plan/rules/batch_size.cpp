#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

#include "wring/config/values.h"
#include "wring/plan/draft.h"
#include "wring/plan/memory_model.h"
#include "wring/plan/rules/rules.h"

namespace wring {
namespace {

// What an estimate may take of a card: the rest is for the CUDA context, workspaces, validation and its own
// error.
constexpr double kFits = 0.9;
// What it may take on a card beyond the guide's table. Nothing was measured yet, and a batch past the point
// where the GPU is full brings no speed.
constexpr double kGrows = 0.5;
constexpr double kBeyondTheTable = 24.0 * 1.07;
constexpr std::array<std::int64_t, 4> kLargerBatches = {256, 192, 128, 96};

double estimate_gib(TrainConfig config, std::int64_t batch) {
  config.batch_size = batch;
  return training_memory_mib(config) / 1024.0;
}

std::int64_t target_batch(const Draft& draft) {
  const std::int64_t batch = draft.target().values.batch_size;
  const auto& card = draft.machine().card;
  if (!card || card->memory_gib < kBeyondTheTable) return batch;
  for (const std::int64_t larger : kLargerBatches) {
    if (estimate_gib(draft.config(), larger) <= kGrows * card->memory_gib) return larger;
  }
  return batch;
}

// The largest batch up to `wanted` that the card should hold: `wanted` itself, a multiple of 8, 4, 2 or 1; 0
// when not even one patch fits.
std::int64_t fitting_batch(const TrainConfig& config, const Card& card, std::int64_t wanted) {
  const auto fits = [&](std::int64_t batch) { return estimate_gib(config, batch) <= kFits * card.memory_gib; };
  if (fits(wanted)) return wanted;
  for (std::int64_t batch = (wanted - 1) / 8 * 8; batch > 0; batch -= 8) {
    if (fits(batch)) return batch;
  }
  for (const std::int64_t batch : {4, 2, 1}) {
    if (batch <= wanted && fits(batch)) return batch;
  }
  return 0;
}

Text reason_to_raise(const Draft& draft, std::int64_t batch) {
  const std::int64_t old = draft.config().batch_size;
  const auto& card = draft.machine().card;
  if (!card) {
    return draft.because({"batch {} in place of {}, because small batches leave any GPU waiting",
                          "batch 由 {1} 增至 {0}，因为小批次会让任何 GPU 空等", batch, old});
  }
  const double gib = estimate_gib(draft.config(), batch);
  if (card->memory_gib >= kBeyondTheTable) {
    return draft.because(
        {"batch {} takes about {:.1f} of {:.1f} GiB by estimate; the plan stops "
         "at half of the memory and at "
         "256, because larger batches change the training and seldom run faster",
         "batch {} 估计占用 {:.1f} / {:.1f} GiB；规划以一半显存和 256 "
         "为上限，因为更大的批次会改变训练过程，"
         "却很少更快",
         batch, gib, card->memory_gib});
  }
  return draft.because({"batch {} keeps the matrix units busy, in about {:.1f} of {:.1f} GiB by estimate",
                        "batch {} 可让矩阵单元保持忙碌，估计占用 {:.1f} / {:.1f} GiB", batch, gib, card->memory_gib});
}

Text reason_to_lower(const Draft& draft, std::int64_t batch) {
  const std::int64_t old = draft.config().batch_size;
  const double memory_gib = draft.machine().card->memory_gib;
  return draft.because({"batch {} would take about {:.1f} of {:.1f} GiB by estimate, batch {} takes {:.1f}",
                        "batch {} 估计需要 {:.1f} / {:.1f} GiB，batch {} 需要 {:.1f} GiB", old,
                        estimate_gib(draft.config(), old), memory_gib, batch, estimate_gib(draft.config(), batch)});
}

// A rate that the file does not name was not chosen for a batch.
void note_learning_rate(Draft& draft, std::int64_t old, std::int64_t batch) {
  if (!draft.names("lr")) return;
  const double ratio = static_cast<double>(batch) / static_cast<double>(old);
  const std::string suggested =
      number_text(std::strtod(fmt::format("{:.2g}", draft.config().lr * std::sqrt(ratio)).c_str(), nullptr));
  draft.note(
      {"batch_size {} in place of {} changes the optimisation; the square-root rule would go with lr "
       "{}; lr stays {}",
       "batch_size 由 {1} 变为 {0} 会影响优化过程；按平方根规则 lr 可取 {2}；此处 lr 保持 {3}", batch, old, suggested,
       number_text(draft.config().lr)});
}

void note_too_large(Draft& draft) {
  const double gib = estimate_gib(draft.config(), 1);
  draft.note(
      {"even one patch takes about {:.1f} GiB by estimate, more than the card has; lower patch_size, "
       "base_channels or num_blocks",
       "即使每批只有一个图块，估计也需要 {:.1f} GiB，超过显存；请减小 patch_size、base_channels 或 "
       "num_blocks",
       gib});
}

}  // namespace

void rules::batch_size(Draft& draft) {
  const std::int64_t old = draft.config().batch_size;
  std::int64_t batch = std::max(old, target_batch(draft));
  if (draft.machine().card) {
    const std::int64_t fitting = fitting_batch(draft.config(), *draft.machine().card, batch);
    if (fitting == 0) note_too_large(draft);
    batch = std::max<std::int64_t>(1, fitting);
  }
  const Text reason = batch > old   ? reason_to_raise(draft, batch)
                      : batch < old ? reason_to_lower(draft, batch)
                                    : Text();
  if (batch > old) note_learning_rate(draft, old, batch);
  draft.set(&TrainConfig::batch_size, batch, reason);
}

}  // namespace wring

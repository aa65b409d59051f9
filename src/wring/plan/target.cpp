#include "wring/plan/target.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace wring {
namespace {

constexpr double kReportedShare = 0.93;

constexpr std::array<Tier, 5> kTiers = {{
    {24, 64, 128, 12, 256, 12, true},
    {16, 48, 96, 8, 192, 8, true},
    {12, 32, 96, 8, 192, 8, true},
    {8, 16, 64, 6, 128, 6, false},
    {0, 8, 32, 4, 96, 4, false},
}};

std::int64_t doubled_to(std::int64_t value, std::int64_t floor) {
  return value < floor ? std::max(floor, 2 * value) : value;
}

Text card_label(const Card& card) {
  const Tier& tier = tier_of(card.memory_gib);
  const bool on_the_box = tier.memory_gb > 0 && card.memory_gib < tier.memory_gb * 1.07;
  const std::string size =
      on_the_box ? fmt::format("{:.0f} GB", tier.memory_gb) : fmt::format("{:.3g} GiB", card.memory_gib);
  return {size + " card", size + " 显卡"};
}

}  // namespace

std::span<const Tier> tiers() {
  return kTiers;
}

const Tier& tier_of(double memory_gib) {
  const auto fits = [&](const Tier& tier) { return memory_gib >= tier.memory_gb * kReportedShare; };
  return *std::ranges::find_if(kTiers, fits);
}

Target target_for(const Machine& machine, const TrainConfig& config) {
  if (machine.card) return {tier_of(machine.card->memory_gib), card_label(*machine.card)};
  const Tier basic{
      0, doubled_to(config.batch_size, 32), doubled_to(config.base_channels, 64), 8, 192, 8, config.use_perceptual};
  return {basic, {"no GPU known", "未检测到 GPU"}};
}

}  // namespace wring

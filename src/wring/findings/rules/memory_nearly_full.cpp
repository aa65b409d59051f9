#include <optional>

#include <fmt/format.h>

#include "wring/findings/evidence.h"
#include "wring/findings/rules/rules.h"

namespace wring::rules {
namespace {

constexpr double kNearlyFull = 95;  // the next allocation of a usual size fails

}  // namespace

std::optional<Finding> memory_nearly_full(const Features& f) {
  if (!at_least(f.memory_full, kNearlyFull)) return std::nullopt;
  return Finding{
      "memory_nearly_full",
      {"memory nearly full", "显存几乎用满"},
      Measured().add("peak", "峰值", f.memory_full).text(),
      {"peak memory ≥ {} % of the card's", "峰值显存 ≥ 总量的 {}%", kNearlyFull},
      0.7,
      {"the next larger batch or a validation step may not fit; an allocator's cache counts as used, so it "
       "may need less: PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True",
       "更大的 batch 或一次验证可能放不下；缓存分配器持有的也算已用，实际需要可能更少：PYTORCH_CUDA_ALLOC_CONF="
       "expandable_segments:True"},
      {}};
}

}  // namespace wring::rules

// What the card itself shows.
#include <utility>

#include <fmt/format.h>

#include "wring/findings/verdict_rules.h"

namespace wring::rules {
namespace {

// GPM's word alone: kernels' names do not tell the precision.
bool leaves_tensor_cores_unused(const Features& f) {
  return below(f.tensor_activity, limit::tensor_hardly_used) && at_least(f.sm_activity, limit::sm_while_unused) &&
         at_least(f.fp32_activity, limit::fp32_at_work) && below(f.dram_activity, limit::dram_bound);
}

// Only tensor activity proves that the card does what it is for: a multiprocessor that waits for memory counts as busy.
Text compute_next(const Features& f) {
  if (below(f.tensor_activity, limit::tensor_unused)) {
    return {"the tensor cores are hardly used: use_mixed_precision: true, or allow TF32",
            "张量核心几乎没有用上：设置 use_mixed_precision: true，或允许 TF32"};
  }
  if (at_least(f.tensor_activity, limit::tensor_compute_bound)) {
    return {
        "the card is used as it should be; faster only with less arithmetic or a lower precision, not with more "
        "workers or a larger batch",
        "显卡已充分利用；只有减少计算量或降低精度才能更快，增加 worker 或增大 batch 没有用"};
  }
  return {
      "more workers do not help; what the kernels do in this time, wring diagnose CONFIG tells, or torch.profiler in "
      "another program",
      "增加 worker 没有用；内核在这段时间里做什么，可用 wring diagnose CONFIG 查看，其他程序可用 torch.profiler"};
}

bool is_idle(const Features& f) {
  if (starves(f)) return false;
  if (f.gpu_util) return *f.gpu_util < limit::idle_util;
  return below(f.sm_activity, limit::idle_sm);
}

Text idle_rule(const Features& f) {
  if (f.gpu_util) {
    return {fmt::format("GPU-Util below {} %", limit::idle_util), fmt::format("GPU利用率低于 {}%", limit::idle_util)};
  }
  return {fmt::format("SM activity below {} % (this card has no GPU-Util)", limit::idle_sm),
          fmt::format("SM活跃度低于 {}%（此卡没有GPU利用率）", limit::idle_sm)};
}

Text idle_next(const Features& f) {
  if (at_least(f.memory_full, 5)) {
    return {
        "a program holds memory and computes nothing: see what it waits for, for example with py-spy dump --pid PID",
        "有程序占着显存却不计算：查看它在等什么，例如 py-spy dump --pid PID"};
  }
  if (f.of_command) {
    return {
        "the command gave this card nothing to do: it ended before, or it works on another card or the CPU "
        "(CUDA_VISIBLE_DEVICES, the device that it chooses)",
        "命令没有让此卡做任何事：它在此之前已结束，或在使用其他显卡或 CPU（CUDA_VISIBLE_DEVICES、所选设备）"};
  }
  return {"nothing runs on this card: start the work, or check CUDA_VISIBLE_DEVICES",
          "此卡上没有任务：请启动任务，或检查 CUDA_VISIBLE_DEVICES"};
}

}  // namespace

std::optional<Finding> idle(const Features& f) {
  if (!is_idle(f)) return std::nullopt;
  return verdict("idle", 0.95, idle_rule(f), activity(f).add("memory", "显存", f.memory_full).text(), idle_next(f));
}

std::optional<Finding> compute_bound(const Features& f) {
  if (at_least(f.tensor_activity, limit::tensor_compute_bound)) {
    return verdict("compute_bound", 0.9,
                   {fmt::format("tensor activity ≥ {} %", limit::tensor_compute_bound),
                    fmt::format("张量核心活跃度 ≥ {}%", limit::tensor_compute_bound)},
                   activity(f).text(), compute_next(f));
  }
  if (leaves_tensor_cores_unused(f)) return std::nullopt;  // that says more
  if (at_least(f.sm_activity, limit::sm_compute_bound) && below(f.dram_activity, limit::dram_bound)) {
    return verdict(
        "compute_bound", at_least(f.fp32_activity, limit::fp32_compute_bound) ? 0.8 : 0.65,
        {fmt::format("SM activity ≥ {} % and DRAM activity < {} %", limit::sm_compute_bound, limit::dram_bound),
         fmt::format("SM活跃度 ≥ {}% 且显存带宽利用率 < {}%", limit::sm_compute_bound, limit::dram_bound)},
        activity(f).add("FP32 activity", "FP32活跃度", f.fp32_activity).text(), compute_next(f));
  }
  // Before Hopper there is no activity to read; much power at full use is the next best sign.
  if (!f.sm_activity && at_least(f.gpu_util, limit::full_util) &&
      at_least(f.power_of_limit, limit::power_compute_bound) &&
      below_or_unknown(f.memory_util, limit::memory_util_bound)) {
    return verdict(
        "compute_bound", 0.5,
        {fmt::format("GPU-Util ≥ {} % and power ≥ {} % of its limit", limit::full_util, limit::power_compute_bound),
         fmt::format("GPU利用率 ≥ {}% 且功耗 ≥ 上限的 {}%", limit::full_util, limit::power_compute_bound)},
        activity(f).text(), compute_next(f));
  }
  return std::nullopt;
}

std::optional<Finding> tensor_cores_unused(const Features& f) {
  if (!leaves_tensor_cores_unused(f)) return std::nullopt;
  return verdict(
      "tensor_cores_unused", 0.85,
      {fmt::format("tensor activity < {} % while SM activity ≥ {} %, FP32 activity ≥ {} % and DRAM activity < {} %",
                   limit::tensor_hardly_used, limit::sm_while_unused, limit::fp32_at_work, limit::dram_bound),
       fmt::format("张量核心活跃度 < {}%，而 SM活跃度 ≥ {}%、FP32活跃度 ≥ {}% 且显存带宽利用率 < {}%",
                   limit::tensor_hardly_used, limit::sm_while_unused, limit::fp32_at_work, limit::dram_bound)},
      activity(f).add("FP32 activity", "FP32活跃度", f.fp32_activity).text(),
      {"where the results may round differently: use_mixed_precision: true (bf16 autocast), or TF32 "
       "(torch.set_float32_matmul_precision('high'))",
       "若允许舍入不同：设置 use_mixed_precision: true（bf16 autocast），或启用 TF32"
       "（torch.set_float32_matmul_precision('high')）"});
}

std::optional<Finding> memory_bandwidth_bound(const Features& f) {
  const Text next{
      "fuse element-wise layers (compile_model: true), use 16 bits and channels_last; more arithmetic per "
      "byte is free here",
      "融合逐元素层（compile_model: true），使用 16 位精度和 channels_last；此时增加单位数据的计算量是免费的"};
  if (at_least(f.dram_activity, limit::dram_bound) &&
      below_or_unknown(f.tensor_activity, limit::tensor_compute_bound)) {
    return verdict(
        "memory_bandwidth_bound", *f.dram_activity >= 75 ? 0.9 : 0.75,
        {fmt::format("DRAM activity ≥ {} % and tensor activity < {} %", limit::dram_bound, limit::tensor_compute_bound),
         fmt::format("显存带宽利用率 ≥ {}% 且张量核心活跃度 < {}%", limit::dram_bound, limit::tensor_compute_bound)},
        activity(f).text(), next);
  }
  if (!f.dram_activity && at_least(f.memory_util, limit::memory_util_bound) &&
      at_least(f.gpu_util, limit::memory_util_bound)) {
    return verdict("memory_bandwidth_bound", 0.45,
                   {fmt::format("memory read or written ≥ {} % of the time (bandwidth itself cannot be read here)",
                                limit::memory_util_bound),
                    fmt::format("显存读写时间 ≥ {}%（此卡读不到带宽本身）", limit::memory_util_bound)},
                   activity(f).text(), next);
  }
  return std::nullopt;
}

std::optional<Finding> power_throttled(const Features& f) {
  if (f.power_throttled < limit::power_throttled) return std::nullopt;
  const bool full_load = compute_bound(f) || memory_bandwidth_bound(f);
  return verdict(
      "power_throttled", full_load ? 0.4 : 0.6 + 0.4 * f.power_throttled / 100,
      {fmt::format("clocks held down by the power limit ≥ {} % of the time", limit::power_throttled),
       fmt::format("因功耗上限降频的时间 ≥ {}%", limit::power_throttled)},
      Measured()
          .add("throttled", "降频时间", f.power_throttled)
          .add("power of limit", "功耗占上限", f.power_of_limit)
          .text(),
      {"see nvidia-smi -q -d POWER: raise the limit where it was lowered (nvidia-smi -pl, needs root); at "
       "the card's own limit this is normal under full load",
       "查看 nvidia-smi -q -d POWER：若上限被调低可调回（nvidia-smi -pl，需 root）；若已是显卡自身上限，满载时属正常"});
}

std::optional<Finding> heat_throttled(const Features& f) {
  if (f.heat_throttled < limit::heat_throttled) return std::nullopt;
  return verdict(
      "thermally_throttled", 0.9,
      {fmt::format("clocks held down by heat ≥ {} % of the time", limit::heat_throttled),
       fmt::format("因过热降频的时间 ≥ {}%", limit::heat_throttled)},
      Measured()
          .add("throttled", "降频时间", f.heat_throttled)
          .add("temperature up to", "最高温度", f.temperature_max_c, " °C")
          .text(),
      {"improve the cooling: dust, fans, air flow, room temperature; or lower the power limit (nvidia-smi -pl)",
       "改善散热：清灰、风扇、风道、室温；或降低功耗上限（nvidia-smi -pl）"});
}

std::optional<Finding> memory_nearly_full(const Features& f) {
  if (!at_least(f.memory_full, limit::memory_full)) return std::nullopt;
  return verdict(
      "memory_nearly_full", 0.7,
      {fmt::format("peak memory ≥ {} % of the card's", limit::memory_full),
       fmt::format("峰值显存 ≥ 总量的 {}%", limit::memory_full)},
      Measured().add("peak", "峰值", f.memory_full).text(),
      {"the next larger batch or a validation step may not fit; an allocator's cache counts as used, so it "
       "may need less: PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True",
       "更大的 batch 或一次验证可能放不下；缓存分配器持有的也算已用，实际需要可能更少：PYTORCH_CUDA_ALLOC_CONF="
       "expandable_segments:True"});
}

}  // namespace wring::rules

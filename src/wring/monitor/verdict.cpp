// The rules behind the verdicts. Where the thresholds come from:
//
// silent_below_s: start-up, warm-up and compilation look like anything; a third of a minute is past most.
//
// idle_util: a desktop or a monitor alone makes a few per cent.
//
// low_util: the guide's line between good and low.
//
// tensor_compute_bound: a dense matmul loop shows 60 to 95; half of the cycles is beyond what memory-bound layers do.
//
// sm_compute_bound: SM activity counts resident warps, so it proves computing only while DRAM stays below its own
// bound: an element-wise kernel fills the SMs too.
//
// dram_bound: copy loops reach 85 to 92 of the theoretical bandwidth; from 60 on the queues are full often.
//
// memory_util_bound: the share of time is cruder than the share of bandwidth, hence higher, and trusted less.
//
// launch_*: kernels of a few microseconds occupy few SMs for part of the time, while GPU-Util counts every window with
// a kernel in it. Idle power alone is 10 to 20 per cent of the limit.
//
// sm_while_busy: SM activity over GPU-Util, how full the card is while anything runs at all.
//
// tiny_kernel_*: kernels of one block, launched without a pause, made 18 % GPU-Util and 0.02 % SM activity on an H200:
// so little while busy is launching and nothing else, at any GPU-Util.
//
// collective_*: a collective that waits spins on 16 to 32 of some 130 SMs, steadily, with GPU-Util at 100.
//
// core_busy: one Python process that loads data keeps one core at 100; 90 leaves room for the rest.
//
// iowait: of all cores; one blocked loader on a machine of 16 cores makes 6.
//
// sawtooth_deviation: samples of 0 and 100 in turn deviate by 50, a steady load by less than 5.
//
// core_at_work: below this the host prepares nothing.
//
// pcie_busy_mib_s: pageable copies reach 3 to 6 GiB/s, pinned ones 12 to 55; a loader that is ahead needs less.
//
// copying_sm: GPU-Util counts copies too (100 on an H200 that did nothing else), SM activity does not.
//
// power_throttled: a power cap that is touched now and then costs nothing that can be measured. At full load many cards
// run at it all the time (an H200 that trains EDSR 128×12: 87 % of the time, at 1966 of 1980 MHz), so it stands behind
// what the load itself is.
//
// heat_throttled: heat is never wanted: the clocks fall far below what the power cap leaves.
//
// memory_full: the next allocation of a usual size fails.
#include "wring/monitor/verdict.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "wring/monitor/features.h"

namespace wring {
namespace {

namespace limit = thresholds;
using Value = std::optional<double>;

bool at_least(const Value& value, double bound) {
  return value && *value >= bound;
}
bool below(const Value& value, double bound) {
  return value && *value < bound;
}
bool below_or_unknown(const Value& value, double bound) {
  return !value || *value < bound;
}

// Two digits are what a person reads; a share of 0.02 % is not 0.
std::string readable(double value) {
  if (value >= 10 || value == 0) return fmt::format("{:.0f}", value);
  return value >= 1 ? fmt::format("{:.1f}", value) : fmt::format("{:.2g}", value);
}

// "GPU-Util 23 %, SM activity 8.1 %": what was measured; what is absent is left out.
class Measured {
 public:
  Measured& add(const char* en, const char* zh, const Value& value, const char* unit = " %") {
    if (!value) return *this;
    text_.en += fmt::format("{}{} {}{}", text_.en.empty() ? "" : ", ", en, readable(*value), unit);
    text_.zh += fmt::format("{}{} {}{}", text_.zh.empty() ? "" : "，", zh, readable(*value), unit);
    return *this;
  }
  Text text() const { return text_; }

 private:
  Text text_;
};

Measured activity(const Features& f) {
  Measured numbers;
  numbers.add("GPU-Util", "GPU利用率", f.gpu_util)
      .add("SM activity", "SM活跃度", f.sm_activity)
      .add("tensor activity", "张量核心活跃度", f.tensor_activity)
      .add("DRAM activity", "显存带宽利用率", f.dram_activity);
  if (!f.dram_activity) numbers.add("memory busy", "显存读写占比", f.memory_util);
  return numbers.add("power of limit", "功耗占上限", f.power_of_limit);
}

Verdict verdict(Cause cause, double confidence, Text rule, Text numbers, Text next_step) {
  const CauseRow& row = cause_rows()[static_cast<std::size_t>(cause)];
  return {cause, row.key, row.headline, std::move(rule), std::move(numbers), confidence, std::move(next_step)};
}

using Finding = std::optional<Verdict>;

// Kernels run now and then while the host works or waits: the card is not idle, it starves. One PyTorch process that
// decodes whole photographs itself left an H200 at 0.3 % GPU-Util.
bool starves(const Features& f) {
  const bool some_kernels = at_least(f.gpu_util_max, 1) || at_least(f.sm_activity, 0.01);
  return some_kernels && (at_least(f.host_busiest_core, limit::core_busy) || at_least(f.host_cpu, limit::host_busy) ||
                          at_least(f.host_iowait, limit::iowait));
}

bool is_idle(const Features& f) {
  if (starves(f)) return false;
  if (f.gpu_util) return *f.gpu_util < limit::idle_util;
  return below(f.sm_activity, 1);
}

Finding idle(const Features& f) {
  if (!is_idle(f)) return std::nullopt;
  const bool holds_memory = at_least(f.memory_full, 5);
  return verdict(
      Cause::idle, 0.95,
      {fmt::format("GPU-Util below {} %", limit::idle_util), fmt::format("GPU利用率低于 {}%", limit::idle_util)},
      activity(f).add("memory", "显存", f.memory_full).text(),
      holds_memory ? Text{"a program holds memory and computes nothing: see what it waits for, for example with py-spy "
                          "dump --pid PID",
                          "有程序占着显存却不计算：查看它在等什么，例如 py-spy dump --pid PID"}
                   : Text{"nothing runs on this card: start the work, or check CUDA_VISIBLE_DEVICES",
                          "此卡上没有任务：请启动任务，或检查 CUDA_VISIBLE_DEVICES"});
}

Text compute_next(const Features& f) {
  if (below(f.tensor_activity, limit::tensor_unused)) {
    return {"the tensor cores are not used: use_mixed_precision: true, or allow TF32",
            "张量核心没有用上：设置 use_mixed_precision: true，或允许 TF32"};
  }
  return {
      "the card is used as it should be; faster only with less arithmetic or a lower precision, not with more "
      "workers or a larger batch",
      "显卡已充分利用；只有减少计算量或降低精度才能更快，增加 worker 或增大 batch 没有用"};
}

Finding compute_bound(const Features& f) {
  if (at_least(f.tensor_activity, limit::tensor_compute_bound)) {
    return verdict(Cause::compute_bound, 0.9,
                   {fmt::format("tensor activity ≥ {} %", limit::tensor_compute_bound),
                    fmt::format("张量核心活跃度 ≥ {}%", limit::tensor_compute_bound)},
                   activity(f).text(), compute_next(f));
  }
  if (at_least(f.sm_activity, limit::sm_compute_bound) && below(f.dram_activity, limit::dram_bound)) {
    return verdict(
        Cause::compute_bound, at_least(f.fp32_activity, limit::launch_power) ? 0.8 : 0.65,
        {fmt::format("SM activity ≥ {} % and DRAM activity < {} %", limit::sm_compute_bound, limit::dram_bound),
         fmt::format("SM活跃度 ≥ {}% 且显存带宽利用率 < {}%", limit::sm_compute_bound, limit::dram_bound)},
        activity(f).add("FP32 activity", "FP32活跃度", f.fp32_activity).text(), compute_next(f));
  }
  // Before Hopper there is no activity to read; much power at full use is the next best sign.
  if (!f.sm_activity && at_least(f.gpu_util, limit::full_util) &&
      at_least(f.power_of_limit, limit::power_compute_bound) &&
      below_or_unknown(f.memory_util, limit::memory_util_bound)) {
    return verdict(
        Cause::compute_bound, 0.5,
        {fmt::format("GPU-Util ≥ {} % and power ≥ {} % of its limit", limit::full_util, limit::power_compute_bound),
         fmt::format("GPU利用率 ≥ {}% 且功耗 ≥ 上限的 {}%", limit::full_util, limit::power_compute_bound)},
        activity(f).text(), compute_next(f));
  }
  return std::nullopt;
}

Finding memory_bandwidth_bound(const Features& f) {
  const Text next{
      "fuse element-wise layers (compile_model: true), use 16 bits and channels_last; more arithmetic per "
      "byte is free here",
      "融合逐元素层（compile_model: true），使用 16 位精度和 channels_last；此时增加单位数据的计算量是免费的"};
  if (at_least(f.dram_activity, limit::dram_bound) &&
      below_or_unknown(f.tensor_activity, limit::tensor_compute_bound)) {
    return verdict(
        Cause::memory_bandwidth_bound, *f.dram_activity >= 75 ? 0.9 : 0.75,
        {fmt::format("DRAM activity ≥ {} % and tensor activity < {} %", limit::dram_bound, limit::tensor_compute_bound),
         fmt::format("显存带宽利用率 ≥ {}% 且张量核心活跃度 < {}%", limit::dram_bound, limit::tensor_compute_bound)},
        activity(f).text(), next);
  }
  if (!f.dram_activity && at_least(f.memory_util, limit::memory_util_bound) &&
      at_least(f.gpu_util, limit::memory_util_bound)) {
    return verdict(Cause::memory_bandwidth_bound, 0.45,
                   {fmt::format("memory read or written ≥ {} % of the time (bandwidth itself cannot be read here)",
                                limit::memory_util_bound),
                    fmt::format("显存读写时间 ≥ {}%（此卡读不到带宽本身）", limit::memory_util_bound)},
                   activity(f).text(), next);
  }
  return std::nullopt;
}

// How full the card is while a kernel runs; absent where either is.
Value sm_while_busy(const Features& f) {
  if (!f.sm_activity || !f.gpu_util || *f.gpu_util <= 0) return std::nullopt;
  return 100 * *f.sm_activity / *f.gpu_util;
}

// Copies between host and card, in which no SM takes part.
bool only_copies(const Features& f) {
  const bool busy_bus =
      at_least(f.pcie_rx_mib_s, limit::pcie_busy_mib_s) || at_least(f.pcie_tx_mib_s, limit::pcie_busy_mib_s);
  return busy_bus && below(f.sm_activity, limit::copying_sm);
}

bool launches_tiny_kernels(const Features& f) {
  return at_least(f.gpu_util, limit::tiny_kernel_util) && at_least(f.sm_activity, 0.001) &&
         below(sm_while_busy(f), limit::tiny_kernel_sm_while_busy) && !only_copies(f);
}

bool looks_launch_bound(const Features& f) {
  if (launches_tiny_kernels(f)) return true;
  if (f.sm_activity) {
    return at_least(f.gpu_util, limit::launch_util) && *f.sm_activity<limit::launch_sm&& * f.sm_activity> 0 &&
           below(sm_while_busy(f), limit::sm_while_busy) && below_or_unknown(f.dram_activity, limit::launch_sm) &&
           below_or_unknown(f.tensor_activity, limit::tensor_unused) &&
           below_or_unknown(f.power_of_limit, limit::launch_power) && !only_copies(f);
  }
  return at_least(f.gpu_util, limit::launch_util_without_gpm) && below(f.power_of_limit, limit::launch_power) &&
         below(f.memory_util, limit::launch_memory_util) && below_or_unknown(f.pcie_rx_mib_s, limit::pcie_busy_mib_s);
}

Finding launch_bound(const Features& f) {
  if (!looks_launch_bound(f)) return std::nullopt;
  double confidence = f.sm_activity ? 0.65 : 0.45;
  if (at_least(f.host_busiest_core, limit::core_busy)) confidence += 0.15;             // the program that launches
  if (f.busy_peers > 0 && at_least(f.gpu_util, limit::full_util)) confidence -= 0.15;  // or a collective that waits
  const Text rule =
      launches_tiny_kernels(f) ? Text{fmt::format("GPU-Util ≥ {} % while SM activity is less than {} % of it",
                                                  limit::tiny_kernel_util, limit::tiny_kernel_sm_while_busy),
                                      fmt::format("GPU利用率 ≥ {}%，而 SM活跃度不到其 {}%", limit::tiny_kernel_util,
                                                  limit::tiny_kernel_sm_while_busy)}
      : f.sm_activity
          ? Text{fmt::format("GPU-Util ≥ {} % while SM activity < {} % and power < {} % of its limit",
                             limit::launch_util, limit::launch_sm, limit::launch_power),
                 fmt::format("GPU利用率 ≥ {}%，而 SM活跃度 < {}% 且功耗 < 上限的 {}%", limit::launch_util,
                             limit::launch_sm, limit::launch_power)}
          : Text{fmt::format("GPU-Util ≥ {} % while power < {} % of its limit and memory busy < {} % (SM activity "
                             "cannot be read here)",
                             limit::launch_util_without_gpm, limit::launch_power, limit::launch_memory_util),
                 fmt::format("GPU利用率 ≥ {}%，而功耗 < 上限的 {}% 且显存读写占比 < {}%（此卡读不到 SM活跃度）",
                             limit::launch_util_without_gpm, limit::launch_power, limit::launch_memory_util)};
  return verdict(
      Cause::launch_bound, confidence, rule, activity(f).add("busiest core", "最忙核心", f.host_busiest_core).text(),
      {"give each kernel more work or launch fewer: a larger batch_size, compile_model: true (CUDA graphs), "
       "a fused optimizer",
       "让每个核函数做更多工作，或减少启动次数：增大 batch_size、compile_model: true（CUDA Graph）、融合优化器"});
}

Finding collective_bound(const Features& f) {
  const bool steady = below_or_unknown(f.gpu_util_deviation, limit::collective_deviation);
  if (f.busy_peers == 0 || !at_least(f.gpu_util, limit::full_util) || !steady) return std::nullopt;
  const Text next{
      "find the slowest card (the one with the most SM activity or power) and its rank's data; if none "
      "works, the job is stuck: py-spy dump, NCCL_DEBUG=INFO",
      "找出最慢的卡（SM活跃度或功耗最高者）及其 rank 的数据；若没有卡在计算，则任务已卡住：py-spy "
      "dump，NCCL_DEBUG=INFO"};
  const Text numbers = activity(f)
                           .add("busiest other card's SM activity", "其他卡最高SM活跃度", f.busiest_peer_sm_activity)
                           .add("links", "互连", f.link_mib_s, " MiB/s")
                           .text();
  if (below(f.sm_activity, limit::collective_sm) && below_or_unknown(f.tensor_activity, limit::tensor_unused)) {
    const bool peer_works =
        at_least(f.busiest_peer_sm_activity, std::max(limit::collective_peer_sm, 2 * *f.sm_activity));
    Text rule{fmt::format("GPU-Util ≥ {} % and steady on several cards while SM activity < {} %", limit::full_util,
                          limit::collective_sm),
              fmt::format("多卡 GPU利用率 ≥ {}% 且平稳，而 SM活跃度 < {}%", limit::full_util, limit::collective_sm)};
    if (peer_works) {
      rule.en += ", and another card works";
      rule.zh += "，且另有一卡在计算";
    }
    return verdict(Cause::collective_bound, peer_works ? 0.8 : 0.55, rule, numbers, next);
  }
  if (!f.sm_activity && below(f.power_of_limit, limit::launch_power) &&
      at_least(f.busiest_peer_power_of_limit, 1.5 * *f.power_of_limit)) {
    return verdict(Cause::collective_bound, 0.5,
                   {fmt::format("GPU-Util ≥ {} % and steady while power < {} % of its limit, and another card draws "
                                "half as much again",
                                limit::full_util, limit::launch_power),
                    fmt::format("GPU利用率 ≥ {}% 且平稳，而功耗 < 上限的 {}%，且另有一卡功耗高出一半以上",
                                limit::full_util, limit::launch_power)},
                   numbers, next);
  }
  return std::nullopt;
}

Text input_next(const Features& f) {
  if (at_least(f.host_iowait, limit::iowait)) {
    return {"the disk is the limit: keep the decoded data in memory (data_cache: auto), or move it to an SSD",
            "瓶颈在磁盘：把解码后的数据放进内存（data_cache: auto），或移到 SSD"};
  }
  if (at_least(f.host_cpu, limit::host_busy)) {
    return {"all cores are busy preparing data: decode once (data_cache: auto), or do the augmentation on the GPU",
            "所有核心都在准备数据：只解码一次（data_cache: auto），或把数据增强放到 GPU 上"};
  }
  if (at_least(f.pcie_rx_mib_s, limit::pcie_busy_mib_s)) {
    return {"copies over PCIe are the limit: send 8-bit data and convert it on the GPU, pin_memory: true",
            "瓶颈在 PCIe 拷贝：传输 8 位数据并在 GPU 上转换，pin_memory: true"};
  }
  return {"raise num_workers (0 loads in the training process itself), prefetch_factor: 4, or data_cache: auto",
          "增大 num_workers（0 表示在训练进程中加载），prefetch_factor: 4，或 data_cache: auto"};
}

Finding input_bound(const Features& f) {
  const bool copies = only_copies(f) && at_least(f.pcie_rx_mib_s, limit::pcie_busy_mib_s);
  if (!f.gpu_util || is_idle(f) || (*f.gpu_util >= limit::low_util && !copies)) return std::nullopt;
  const bool one_core = at_least(f.host_busiest_core, limit::core_busy);
  // Where the host does nothing in the gaps, nobody prepares data in them: that is one job after another.
  const bool swings =
      at_least(f.gpu_util_deviation, limit::sawtooth_deviation) && !below(f.host_busiest_core, limit::core_at_work);
  const std::array<bool, 4> stronger = {at_least(f.host_iowait, limit::iowait), at_least(f.host_cpu, limit::host_busy),
                                        swings, at_least(f.pcie_rx_mib_s, limit::pcie_busy_mib_s)};
  const auto found = std::ranges::count(stronger, true);
  // One busy core is also what a program does that launches small kernels.
  if (found == 0 && (!one_core || looks_launch_bound(f))) return std::nullopt;
  double confidence = 0.45 + 0.15 * static_cast<double>(found + (one_core ? 1 : 0));
  if (copies) confidence += 0.15;  // nothing but copies
  if (const Value ratio = sm_while_busy(f); ratio && !copies) {
    confidence += *ratio >= limit::sm_while_busy ? 0.1 : -0.1;
  }
  return verdict(Cause::input_bound, std::clamp(confidence, 0.0, 0.9),
                 {fmt::format("GPU-Util < {} % (or copies alone) and the host busy or waiting: a core ≥ {} %, all "
                              "cores ≥ {} %, I/O wait ≥ {} %, "
                              "GPU-Util that swings by ≥ {}, or PCIe ≥ {} GiB/s",
                              limit::low_util, limit::core_busy, limit::host_busy, limit::iowait,
                              limit::sawtooth_deviation, limit::pcie_busy_mib_s / 1024),
                  fmt::format("GPU利用率 < {}%（或只有拷贝），且主机繁忙或在等待：某核心 ≥ {}%、全部核心 ≥ "
                              "{}%、I/O等待 ≥ {}%、GPU利用率波动 ≥ "
                              "{}，或 PCIe ≥ {} GiB/s",
                              limit::low_util, limit::core_busy, limit::host_busy, limit::iowait,
                              limit::sawtooth_deviation, limit::pcie_busy_mib_s / 1024)},
                 activity(f)
                     .add("time under 10 %", "低于10%的时间", f.gpu_util_under_10)
                     .add("GPU-Util's deviation", "GPU利用率标准差", f.gpu_util_deviation, "")
                     .add("busiest core", "最忙核心", f.host_busiest_core)
                     .add("all cores", "全部核心", f.host_cpu)
                     .add("I/O wait", "I/O等待", f.host_iowait)
                     .add("PCIe received", "PCIe接收", f.pcie_rx_mib_s, " MiB/s")
                     .text(),
                 input_next(f));
}

Finding power_throttled(const Features& f) {
  if (f.power_throttled < limit::power_throttled) return std::nullopt;
  const bool full_load = compute_bound(f) || memory_bandwidth_bound(f);
  return verdict(
      Cause::power_throttled, full_load ? 0.4 : 0.6 + 0.4 * f.power_throttled / 100,
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

Finding heat_throttled(const Features& f) {
  if (f.heat_throttled < limit::heat_throttled) return std::nullopt;
  return verdict(
      Cause::thermally_throttled, 0.9,
      {fmt::format("clocks held down by heat ≥ {} % of the time", limit::heat_throttled),
       fmt::format("因过热降频的时间 ≥ {}%", limit::heat_throttled)},
      Measured()
          .add("throttled", "降频时间", f.heat_throttled)
          .add("temperature up to", "最高温度", f.temperature_max_c, " °C")
          .text(),
      {"improve the cooling: dust, fans, air flow, room temperature; or lower the power limit (nvidia-smi -pl)",
       "改善散热：清灰、风扇、风道、室温；或降低功耗上限（nvidia-smi -pl）"});
}

Finding memory_nearly_full(const Features& f) {
  if (!at_least(f.memory_full, limit::memory_full)) return std::nullopt;
  return verdict(
      Cause::memory_nearly_full, 0.7,
      {fmt::format("peak memory ≥ {} % of the card's", limit::memory_full),
       fmt::format("峰值显存 ≥ 总量的 {}%", limit::memory_full)},
      Measured().add("peak", "峰值", f.memory_full).text(),
      {"the next larger batch or a validation step may not fit; an allocator's cache counts as used, so it "
       "may need less: PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True",
       "更大的 batch 或一次验证可能放不下；缓存分配器持有的也算已用，实际需要可能更少：PYTORCH_CUDA_ALLOC_CONF="
       "expandable_segments:True"});
}

}  // namespace

std::span<const CauseRow> cause_rows() {
  static const std::array<CauseRow, 10> rows = {{
      {Cause::input_bound, "input_bound", {"input-bound: the GPU waits for data", "输入受限：GPU 在等数据"}},
      {Cause::launch_bound,
       "launch_bound",
       {"launch-bound: the kernels are too small to fill the GPU", "启动受限：核函数太小，填不满 GPU"}},
      {Cause::memory_bandwidth_bound,
       "memory_bandwidth_bound",
       {"memory-bandwidth-bound: the GPU waits for its own memory", "显存带宽受限：GPU 在等显存"}},
      {Cause::compute_bound,
       "compute_bound",
       {"compute-bound: the GPU computes as fast as it can", "计算受限：GPU 正全力计算"}},
      {Cause::collective_bound,
       "collective_bound",
       {"waiting for other cards: busy in name only", "在等其他卡：只是看起来忙"}},
      {Cause::power_throttled,
       "power_throttled",
       {"power-throttled: the power limit holds the clocks down", "功耗降频：功耗上限压低了频率"}},
      {Cause::thermally_throttled,
       "thermally_throttled",
       {"heat-throttled: the card is too hot for its clocks", "过热降频：显卡温度过高"}},
      {Cause::idle, "idle", {"idle: no kernel runs", "空闲：没有核函数在运行"}},
      {Cause::memory_nearly_full, "memory_nearly_full", {"memory nearly full", "显存几乎用满"}},
      {Cause::straggler, "straggler", {"straggler: all wait for one rank", "拖慢者：所有进程在等一个进程"}},
  }};
  return rows;
}

std::vector<Verdict> verdicts(const Features& features) {
  std::vector<Verdict> found;
  if (features.data_s < limit::silent_below_s) return found;
  for (const auto& rule : {idle, compute_bound, memory_bandwidth_bound, launch_bound, collective_bound, input_bound,
                           power_throttled, heat_throttled, memory_nearly_full}) {
    if (Finding finding = rule(features)) found.push_back(*std::move(finding));
  }
  std::ranges::stable_sort(found, std::greater{}, &Verdict::confidence);
  return found;
}

}  // namespace wring

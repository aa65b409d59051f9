// What the card waits for: launches, data, other cards. Who works on the host while it waits is what tells them apart.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "wring/findings/verdict_rules.h"

namespace wring::rules {
namespace {

bool launches_tiny_kernels(const Features& f) {
  return at_least(f.gpu_util, limit::tiny_kernel_util) && at_least(f.sm_activity, 0.001) &&
         below(sm_while_busy(f), limit::tiny_kernel_sm_while_busy) && !only_copies(f);
}

// GPU-Util counts every window with a kernel in it, so many small ones look like half a load.
bool fills_few_sms(const Features& f) {
  if (f.sm_activity) {
    const bool few = *f.sm_activity > 0 && *f.sm_activity < limit::launch_sm;
    return at_least(f.gpu_util, limit::launch_util) && few && below(sm_while_busy(f), limit::sm_while_busy) &&
           below_or_unknown(f.dram_activity, limit::launch_sm) &&
           below_or_unknown(f.tensor_activity, limit::tensor_unused) &&
           below_or_unknown(f.power_of_limit, limit::launch_power) && !only_copies(f);
  }
  return at_least(f.gpu_util, limit::launch_util_without_gpm) && below(f.power_of_limit, limit::launch_power) &&
         below(f.memory_util, limit::launch_memory_util) && below_or_unknown(f.pcie_rx_mib_s, limit::pcie_busy_mib_s);
}

bool one_thread_feeds(const Features& f) {
  return f.program && f.program->launching >= limit::launching && !readers_full(f) && !main_thread_reads(f);
}

// One thread of the program has all that it can do, and what it does is launching: the backward pass, which PyTorch
// launches from a thread of its own, takes its part, or there is no such thread and the kernels are small.
bool launches_all_the_time(const Features& f) {
  if (!one_thread_feeds(f) || !at_least(f.gpu_util, 1) || !below(f.gpu_util, limit::launch_low_util)) return false;
  if (f.program->backward) return *f.program->backward >= limit::backward_of_launching;
  return below(sm_while_busy(f), limit::sm_while_busy);
}

Text launch_rule(const Features& f) {
  if (launches_all_the_time(f)) {
    return {fmt::format("GPU-Util < {} % while the thread that launches is busy ≥ {} % and no reader is",
                        limit::launch_low_util, limit::launching),
            fmt::format("GPU利用率 < {}%，而启动核函数的线程占用 ≥ {}%，且没有繁忙的数据读取者", limit::launch_low_util,
                        limit::launching)};
  }
  if (launches_tiny_kernels(f)) {
    return {fmt::format("GPU-Util ≥ {} % while SM activity is less than {} % of it", limit::tiny_kernel_util,
                        limit::tiny_kernel_sm_while_busy),
            fmt::format("GPU利用率 ≥ {}%，而 SM活跃度不到其 {}%", limit::tiny_kernel_util,
                        limit::tiny_kernel_sm_while_busy)};
  }
  if (f.sm_activity) {
    return {fmt::format("GPU-Util ≥ {} % while SM activity < {} % and power < {} % of its limit", limit::launch_util,
                        limit::launch_sm, limit::launch_power),
            fmt::format("GPU利用率 ≥ {}%，而 SM活跃度 < {}% 且功耗 < 上限的 {}%", limit::launch_util, limit::launch_sm,
                        limit::launch_power)};
  }
  return {fmt::format("GPU-Util ≥ {} % while power < {} % of its limit and memory busy < {} % (SM activity cannot be "
                      "read here)",
                      limit::launch_util_without_gpm, limit::launch_power, limit::launch_memory_util),
          fmt::format("GPU利用率 ≥ {}%，而功耗 < 上限的 {}% 且显存读写占比 < {}%（此卡读不到 SM活跃度）",
                      limit::launch_util_without_gpm, limit::launch_power, limit::launch_memory_util)};
}

// What the program does on the CPU, and the computer beside it.
Text host_numbers(const Features& f, Measured numbers) {
  if (f.program) {
    const ProgramMeans& program = *f.program;
    numbers.add("the launching thread", "启动线程", program.launching);
    numbers.add("of which the backward pass", "其中反向传播", program.backward);
    numbers.add("readers at work", "工作中的读取者", program.readers, "");
    if (program.readers >= limit::some_readers) {
      numbers.add("each busy", "平均占用", std::max(program.readers_busy, program.readers_wanting))
          .add("busiest reader", "最忙读取者", program.busiest_reader)
          .add("readers waiting for the disk", "等待磁盘的读取者", program.readers_at_disk);
    }
    numbers.add("read", "读取", program.read_mib_s, " MiB/s");
  }
  return numbers.add("busiest core", "最忙核心", f.host_busiest_core)
      .add("all cores", "全部核心", f.host_cpu)
      .add("I/O wait", "I/O等待", f.host_iowait)
      .text();
}

// The computer's I/O wait may be another program's, and a thread that is busy waits for no disk.
bool waits_for_disk(const Features& f) {
  return f.program && readers_full(f) && f.program->readers_at_disk >= limit::at_disk;
}

bool copies_all_the_time(const Features& f) {
  return only_copies(f) && at_least(f.pcie_rx_mib_s, limit::pcie_busy_mib_s);
}

Text input_next(const Features& f) {
  if (copies_all_the_time(f)) {
    return {"copies over PCIe are the limit: send 8-bit data and convert it on the GPU, pin_memory: true",
            "瓶颈在 PCIe 拷贝：传输 8 位数据并在 GPU 上转换，pin_memory: true"};
  }
  if (waits_for_disk(f)) {
    return {"the disk is the limit: keep the decoded data in memory (data_cache: auto), or move it to an SSD",
            "瓶颈在磁盘：把解码后的数据放进内存（data_cache: auto），或移到 SSD"};
  }
  if (main_thread_reads(f)) {
    return {
        "the training thread loads its data itself: num_workers of 1 and more (DataLoader), persistent_workers, or "
        "data_cache: auto",
        "训练线程自己在加载数据：num_workers 设为 1 或更大（DataLoader），persistent_workers，或 data_cache: auto"};
  }
  if (at_least(f.host_cpu, limit::host_busy)) {
    return {"all cores are busy preparing data: decode once (data_cache: auto), or do the augmentation on the GPU",
            "所有核心都在准备数据：只解码一次（data_cache: auto），或把数据增强放到 GPU 上"};
  }
  return {
      "raise num_workers, up to the cores that there are; then prepare less for each sample (data_cache: auto, "
      "augmentation on the GPU)",
      "增大 num_workers，但不超过核心数；再减少每个样本的准备工作（data_cache: auto，在 GPU 上做数据增强）"};
}

Text input_rule(const Features& f) {
  if (copies_all_the_time(f)) {
    return {fmt::format("copies over PCIe ≥ {} GiB/s while SM activity < {} %", limit::pcie_busy_mib_s / 1024,
                        limit::copying_sm),
            fmt::format("PCIe 拷贝 ≥ {} GiB/s，而 SM活跃度 < {}%", limit::pcie_busy_mib_s / 1024, limit::copying_sm)};
  }
  const Text low = waits_rule(f);
  if (readers_full(f)) {
    return {
        fmt::format("{} while the program's readers are at work ≥ {} % of the time, or one of them ≥ {} %", low.en,
                    reader_full, core_busy),
        fmt::format("{}，而程序的数据读取者有 ≥ {}% 的时间在工作，或其中之一 ≥ {}%", low.zh, reader_full, core_busy)};
  }
  return {fmt::format("{} while the program's main thread is busy ≥ {} %, nobody else reads, and it reads ≥ {} MiB/s "
                      "or launches large kernels rarely",
                      low.en, limit::launching, limit::reading_mib_s),
          fmt::format("{}，而程序主线程占用 ≥ {}%，没有其他读取者，且它读取 ≥ {} MiB/s 或很少启动大的核函数", low.zh,
                      limit::launching, limit::reading_mib_s)};
}

}  // namespace

std::optional<Finding> launch_bound(const Features& f) {
  const bool all_the_time = launches_all_the_time(f);
  if (!all_the_time && !launches_tiny_kernels(f) && !fills_few_sms(f)) return std::nullopt;
  // Small kernels that wait for their data are that.
  if (!all_the_time && (main_thread_reads(f) || (readers_full(f) && f.program->launching < limit::launching))) {
    return std::nullopt;
  }
  double confidence = f.sm_activity || all_the_time ? 0.65 : 0.45;
  // The program that launches.
  if (all_the_time || at_least(f.host_busiest_core, core_busy)) confidence += 0.15;
  if (f.busy_peers > 0 && at_least(f.gpu_util, limit::full_util)) confidence -= 0.15;  // or a collective that waits
  return verdict(
      "launch_bound", confidence, launch_rule(f), host_numbers(f, activity(f)),
      {"give each kernel more work or launch fewer: a larger batch_size, compile_model: true (CUDA graphs), "
       "a fused optimizer",
       "让每个核函数做更多工作，或减少启动次数：增大 batch_size、compile_model: true（CUDA Graph）、融合优化器"});
}

std::optional<Finding> input_bound(const Features& f) {
  const bool copies = copies_all_the_time(f);
  if (!copies && (!waits(f) || (!readers_full(f) && !main_thread_reads(f)))) return std::nullopt;
  double confidence = copies || readers_full(f) ? 0.75 : 0.65;
  if (const Value ratio = sm_while_busy(f); ratio && !copies) {
    confidence += *ratio >= limit::sm_while_busy ? 0.1 : -0.1;
  }
  Measured numbers = activity(f);
  numbers.add("time under 10 %", "低于10%的时间", f.gpu_util_under_10)
      .add("PCIe received", "PCIe接收", f.pcie_rx_mib_s, " MiB/s");
  return verdict("input_bound", confidence, input_rule(f), host_numbers(f, numbers), input_next(f));
}

std::optional<Finding> collective_bound(const Features& f) {
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
    return verdict("collective_bound", peer_works ? 0.8 : 0.55, rule, numbers, next);
  }
  if (!f.sm_activity && below(f.power_of_limit, limit::launch_power) &&
      at_least(f.busiest_peer_power_of_limit, 1.5 * *f.power_of_limit)) {
    return verdict("collective_bound", 0.5,
                   {fmt::format("GPU-Util ≥ {} % and steady while power < {} % of its limit, and another card draws "
                                "half as much again",
                                limit::full_util, limit::launch_power),
                    fmt::format("GPU利用率 ≥ {}% 且平稳，而功耗 < 上限的 {}%，且另有一卡功耗高出一半以上",
                                limit::full_util, limit::launch_power)},
                   numbers, next);
  }
  return std::nullopt;
}

}  // namespace wring::rules

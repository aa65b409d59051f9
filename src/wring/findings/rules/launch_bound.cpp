#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "wring/findings/diagnosis.h"
#include "wring/findings/evidence.h"
#include "wring/findings/program.h"
#include "wring/findings/rules/rules.h"

namespace wring::rules {
namespace {

// Kernels of a few microseconds occupy few SMs for part of the time, while GPU-Util counts every window with a kernel
// in it.
constexpr double kBusyUtil = 40;
constexpr double kUtilWithoutGpm = 60;
constexpr double kFewSms = 20;
constexpr double kLittleMemoryUtil = 15;
// Kernels of one block, launched without a pause, made 18 % GPU-Util and 0.02 % SM activity on an H200: so little while
// busy is launching and nothing else, at any GPU-Util.
constexpr double kTinyKernelUtil = 10;
constexpr double kTinyKernelSm = 10;
// A small step that is launched from Python makes 7 to 13 % GPU-Util; beyond half the launches are not what it waits
// for most of the time.
constexpr double kLowUtil = 50;

// Of a program's step. Gaps of a few per cent are what any eager step has between its parts. Trials of a config draw
// their line at 100 − kKernelsFill: their gaps are those under the profiler, which slows the host down.
constexpr double kLaunchGaps = 8;

// What trials and a trace both say. From outside only the kernels' size shows.
const Text& waits_for_launches() {
  static const Text text{"the GPU waits for the CPU to launch its kernels", "GPU 在等 CPU 启动核函数"};
  return text;
}

bool launches_tiny_kernels(const Features& f) {
  return at_least(f.gpu_util, kTinyKernelUtil) && at_least(f.sm_activity, 0.001) &&
         below(sm_while_busy(f), kTinyKernelSm) && !only_copies(f);
}

// GPU-Util counts every window with a kernel in it, so many small ones look like half a load.
bool fills_few_sms(const Features& f) {
  if (f.sm_activity) {
    const bool few = *f.sm_activity > 0 && *f.sm_activity < kFewSms;
    return at_least(f.gpu_util, kBusyUtil) && few && below(sm_while_busy(f), limit::kSmWhileBusy) &&
           below_or_unknown(f.dram_activity, kFewSms) && below_or_unknown(f.tensor_activity, limit::kTensorUnused) &&
           below_or_unknown(f.power_of_limit, limit::kLittlePower) && !only_copies(f);
  }
  return at_least(f.gpu_util, kUtilWithoutGpm) && below(f.power_of_limit, limit::kLittlePower) &&
         below(f.memory_util, kLittleMemoryUtil) && below_or_unknown(f.pcie_rx_mib_s, limit::kPcieBusyMibS);
}

bool one_thread_feeds(const Features& f) {
  return f.program && f.program->launching >= limit::kLaunching && !readers_full(f) && !main_thread_reads(f);
}

// One thread of the program has all that it can do, and what it does is launching: the backward pass, which PyTorch
// launches from a thread of its own, takes its part, or there is no such thread and the kernels are small.
bool launches_all_the_time(const Features& f) {
  if (!one_thread_feeds(f) || !at_least(f.gpu_util, 1) || !below(f.gpu_util, kLowUtil)) return false;
  if (f.program->backward) return *f.program->backward >= limit::kBackwardOfLaunching;
  return below(sm_while_busy(f), limit::kSmWhileBusy);
}

Text launch_rule(const Features& f) {
  if (launches_all_the_time(f)) {
    return {"GPU-Util < {} % while the thread that launches is busy ≥ {} % and no reader is",
            "GPU利用率 < {}%，而启动核函数的线程占用 ≥ {}%，且没有繁忙的数据读取者", kLowUtil, limit::kLaunching};
  }
  if (launches_tiny_kernels(f)) {
    return {"GPU-Util ≥ {} % while SM activity is less than {} % of it", "GPU利用率 ≥ {}%，而 SM活跃度不到其 {}%",
            kTinyKernelUtil, kTinyKernelSm};
  }
  if (f.sm_activity) {
    return {"GPU-Util ≥ {} % while SM activity < {} % and power < {} % of its limit",
            "GPU利用率 ≥ {}%，而 SM活跃度 < {}% 且功耗 < 上限的 {}%", kBusyUtil, kFewSms, limit::kLittlePower};
  }
  return {
      "GPU-Util ≥ {} % while power < {} % of its limit and memory busy < {} % (SM activity cannot be "
      "read here)",
      "GPU利用率 ≥ {}%，而功耗 < 上限的 {}% 且显存读写占比 < {}%（此卡读不到 SM活跃度）", kUtilWithoutGpm,
      limit::kLittlePower, kLittleMemoryUtil};
}

Finding found(double confidence, Text rule, Text numbers, Text next_step) {
  return {"launch_bound",
          {"launch-bound: the kernels are too small to fill the GPU", "启动受限：核函数太小，填不满 GPU"},
          std::move(numbers),
          std::move(rule),
          confidence,
          std::move(next_step),
          {}};
}

}  // namespace

std::optional<Finding> launch_bound(const Features& f) {
  const bool all_the_time = launches_all_the_time(f);
  if (!all_the_time && !launches_tiny_kernels(f) && !fills_few_sms(f)) return std::nullopt;
  // Small kernels that wait for their data are that.
  if (!all_the_time && (main_thread_reads(f) || (readers_full(f) && f.program->launching < limit::kLaunching))) {
    return std::nullopt;
  }
  double confidence = f.sm_activity || all_the_time ? 0.65 : 0.45;
  // The program that launches.
  if (all_the_time || at_least(f.host_busiest_core, kCoreBusy)) confidence += 0.15;
  if (f.busy_peers > 0 && at_least(f.gpu_util, limit::kFullUtil)) confidence -= 0.15;  // or a collective that waits
  return found(
      confidence, launch_rule(f), host_numbers(f, activity(f)),
      {"give each kernel more work or launch fewer: a larger batch_size, compile_model: true (CUDA graphs), "
       "a fused optimizer",
       "让每个核函数做更多工作，或减少启动次数：增大 batch_size、compile_model: true（CUDA Graph）、融合优化器"});
}

void launch_bound(Diagnosis& diagnosis) {
  const DiagnosisInput& in = diagnosis.input();
  const std::optional<double> gain = in.graph_gain();
  const bool gains = gain && *gain >= kGraphGains && !in.kernels_fill_the_step();
  const bool idle = in.kernel_busy_percent && *in.kernel_busy_percent < kKernelsFill;
  // The graph itself shows that nothing is left to gain, whatever share of the time kernels run.
  if (!gains && (!idle || gain)) return;
  if (fast_engine_wanted(in.config) && gains) return;  // the cure is taken already
  Text numbers;
  double cost = 0;
  if (gain) {
    numbers = in.graph_rates();
    cost = percent(1 - 1 / (1 + *gain / 100));
  }
  if (in.kernel_busy_percent) {
    const Text busy = {"kernels run {:.0f} % of the step", "内核运行时间占每步的 {:.0f}%", *in.kernel_busy_percent};
    numbers.append({"; ", "；"}, busy);
    cost = std::max(cost, 100 - *in.kernel_busy_percent);
  }
  const double sure = gains ? confidence_of(*gain, kGraphGains, 60) : std::min(0.75, confidence_of(cost, 10, 60));
  Finding& found =
      diagnosis.add("launch_bound", {"launch-bound: {}", "启动受限：{}", waits_for_launches()}, cost, sure, numbers,
                    {"a graph gains {:.0f} % or more, or kernels run less than {:.0f} % of a step on a resident batch",
                     "CUDA 图可提速 {:.0f}% 以上，或数据常驻时内核运行时间不足 {:.0f}%", kGraphGains, kKernelsFill},
                    {"a larger batch, or fewer and larger layers: the graph is in use already",
                     "增大 batch，或采用更少更大的层：CUDA 图已在使用"});
  if (!fast_engine_wanted(in.config)) {
    found.fix.push_back({"compile_model", "true"});
    found.next_step = {"capture the step as one CUDA graph: compile_model=true",
                       "将整步捕获为一个 CUDA 图：compile_model=true"};
  }
}

void launch_bound(ProgramDiagnosis& diagnosis) {
  const ProgramInput& in = diagnosis.input();
  const double lost = diagnosis.percent_of_step(in.shares.launch_ms);
  if (lost < kLaunchGaps) return;
  ProgramFinding& found = diagnosis.add(
      "launch_bound", {"{} {:.0f} % of a step", "每步有 {1:.0f}% 的时间 {0}", waits_for_launches(), lost},
      in.shares.launch_ms, confidence_of(lost, kLaunchGaps, 40),
      {"{:.0f} kernels a step, {:.1f} µs each; between them the GPU is idle {:.2f} ms of {:.2f} while the CPU works",
       "每步 {0:.0f} 个核函数，平均 {1:.1f} µs；其间每步 {3:.2f} ms 中 CPU 忙碌而 GPU 空闲 {2:.2f} ms", in.work.kernels,
       in.work.mean_kernel_us, in.shares.launch_ms, diagnosis.step_ms()},
      {"the GPU is idle ≥ {:.0f} % of a step while the CPU waits neither for data nor for the GPU",
       "CPU 既不等数据也不等 GPU 时，GPU 空闲 ≥ 每步的 {:.0f}%", kLaunchGaps});
  found.finding.next_step = {
      "launch fewer kernels, or give each more work (a larger batch does, and changes the optimisation)",
      "减少核函数数量，或让每个核函数做更多工作（增大 batch size 可以，但会改变优化过程）"};
  const bool compiled = in.seen.compiled_modules > 0;
  found.changes.push_back({{},
                           compiled ? "torch.compile(model)" : "model",
                           compiled ? R"(torch.compile(model, mode="reduce-overhead"))" : "torch.compile(model)",
                           ResultsEffect::rounding});
}

}  // namespace wring::rules

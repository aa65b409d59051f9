#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "wring/findings/diagnosis_input.h"
#include "wring/findings/evidence.h"
#include "wring/findings/program.h"
#include "wring/findings/rules/rules.h"

namespace wring::rules {
namespace {

// A collective that waits spins on 16 to 32 of some 130 SMs, steadily, with GPU-Util at 100.
constexpr double kWaitingSm = 30;
constexpr double kSteadyDeviation = 5;
constexpr double kPeerSm = 40;

Finding found(double confidence, Text rule, Text numbers, Text next_step) {
  return {"collective_bound",
          {"waiting for other cards: busy in name only", "在等其他卡：只是看起来忙"},
          std::move(numbers),
          std::move(rule),
          confidence,
          std::move(next_step),
          {}};
}

}  // namespace

std::optional<Finding> collective_bound(const Features& f) {
  const bool steady = below_or_unknown(f.gpu_util_deviation, kSteadyDeviation);
  if (f.busy_peers == 0 || !at_least(f.gpu_util, limit::kFullUtil) || !steady) return std::nullopt;
  const Text next{
      "find the slowest card (the one with the most SM activity or power) and its rank's data; if none "
      "works, the job is stuck: py-spy dump, NCCL_DEBUG=INFO",
      "找出最慢的卡（SM活跃度或功耗最高者）及其 rank 的数据；若没有卡在计算，则任务已卡住：py-spy "
      "dump，NCCL_DEBUG=INFO"};
  const Text numbers = activity(f)
                           .add("busiest other card's SM activity", "其他卡最高SM活跃度", f.busiest_peer_sm_activity)
                           .add("links", "互连", f.link_mib_s, " MiB/s")
                           .text();
  if (below(f.sm_activity, kWaitingSm) && below_or_unknown(f.tensor_activity, limit::kTensorUnused)) {
    const bool peer_works = at_least(f.busiest_peer_sm_activity, std::max(kPeerSm, 2 * *f.sm_activity));
    Text rule{"GPU-Util ≥ {} % and steady on several cards while SM activity < {} %",
              "多卡 GPU利用率 ≥ {}% 且平稳，而 SM活跃度 < {}%", limit::kFullUtil, kWaitingSm};
    if (peer_works) {
      rule += Text(", and another card works", "，且另有一卡在计算");
    }
    return found(peer_works ? 0.8 : 0.55, rule, numbers, next);
  }
  if (!f.sm_activity && below(f.power_of_limit, limit::kLittlePower) &&
      at_least(f.busiest_peer_power_of_limit, 1.5 * *f.power_of_limit)) {
    return found(0.5,
                 {"GPU-Util ≥ {} % and steady while power < {} % of its limit, and another card draws "
                  "half as much again",
                  "GPU利用率 ≥ {}% 且平稳，而功耗 < 上限的 {}%，且另有一卡功耗高出一半以上", limit::kFullUtil,
                  limit::kLittlePower},
                 numbers, next);
  }
  return std::nullopt;
}

// Of a program: collectives that nothing else runs beside. What a straggler makes of them is that one's.
void collective_bound(ProgramDiagnosis& diagnosis) {
  const ProgramInput& in = diagnosis.input();
  const double collective_ms = in.shares.collective_ms - in.held_up_ms;
  const double lost = diagnosis.percent_of_step(collective_ms);
  if (lost < kWorthAChange) return;
  ProgramFinding& found =
      diagnosis.add("collective_bound",
                    {"the GPU only communicates with other GPUs {:.0f} % of a step",
                     "每步有 {:.0f}% 的时间 GPU 只在做多卡通信", lost},
                    collective_ms, confidence_of(lost, kWorthAChange, 40),
                    {"{:.2f} ms of {:.2f} with NCCL's kernels and no others",
                     "每步 {1:.2f} ms 中有 {0:.2f} ms 只有 NCCL 的核函数", collective_ms, diagnosis.step_ms()},
                    {"no other kernel runs beside NCCL's ≥ {:.0f} % of a step",
                     "多卡通信期间没有其他核函数的时间 ≥ 每步的 {:.0f}%", kWorthAChange});
  found.finding.next_step = {
      "a rank that waits less than the others holds them up; else accumulate gradients, or send them in 16 bits",
      "等待明显少于其他进程的那个 rank 拖慢了整体；否则可累积梯度，或用 16 位传输梯度"};
}

}  // namespace wring::rules

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "wring/findings/diagnosis_input.h"
#include "wring/findings/program.h"
#include "wring/findings/rules/rules.h"

namespace wring::rules {
namespace {

constexpr std::size_t kPlacesShown = 3;

}  // namespace

// The host waits for the GPU, which then idles until the host has launched anew. A loop that never reads a value back
// runs ahead of the GPU instead.
void synchronisations(ProgramDiagnosis& diagnosis) {
  const ProgramInput& in = diagnosis.input();
  const double lost = diagnosis.percent_of_step(in.shares.sync_ms);
  if (lost < kWorthAChange) return;
  ProgramFinding& found =
      diagnosis.add("synchronisations",
                    {"the GPU runs dry {:.0f} % of a step, after the host has waited for it",
                     "主机等待 GPU 之后，GPU 每步有 {:.0f}% 的时间空转", lost},
                    in.shares.sync_ms, confidence_of(lost, kWorthAChange, 30),
                    {"{:.0f} synchronising calls a step; {:.2f} ms of {:.2f} in which the GPU idles after one of them",
                     "每步 {0:.0f} 次同步调用；{2:.2f} ms 中有 {1:.2f} ms GPU 在其后空闲", in.work.sync_calls(),
                     in.shares.sync_ms, diagnosis.step_ms()},
                    {"the GPU idles ≥ {:.0f} % of a step after a synchronising call, and the host's own work would fit "
                     "beside the GPU's",
                     "同步调用之后 GPU 空闲 ≥ 每步的 {:.0f}%，而主机自身的工作可与 GPU 并行", kWorthAChange});
  found.finding.next_step = {
      "keep values on the GPU: .item(), .cpu(), print(tensor) and if tensor: wait for it; read them every hundred "
      "steps",
      "把数值留在 GPU 上：.item()、.cpu()、print(tensor) 和 if tensor: 都会等待 GPU；每一百步读取一次即可"};
  if (!in.seen.syncs) return;
  for (const ObservedSync& sync : *in.seen.syncs) {
    if (found.changes.size() == kPlacesShown) break;
    found.changes.push_back(
        {sync.place, fmt::format("synchronises {:.3g} × a step", sync.per_step), "every 100th step"});
  }
}

}  // namespace wring::rules

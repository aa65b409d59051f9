#include <algorithm>
#include <cmath>

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
                    {"the GPU is idle {:.0f} % of a step because the CPU waited for it (synchronisation)",
                     "由于 CPU 等待 GPU（同步），GPU 每步有 {:.0f}% 的时间空闲", lost},
                    in.shares.sync_ms, confidence_of(lost, kWorthAChange, 30),
                    {"{:.0f} calls a step make the CPU wait for the GPU, which is then idle {:.2f} ms of {:.2f}",
                     "每步有 {0:.0f} 次调用让 CPU 等待 GPU，随后 GPU 在 {2:.2f} ms 中空闲 {1:.2f} ms",
                     in.work.sync_calls(), in.shares.sync_ms, diagnosis.step_ms()},
                    {"the GPU is idle ≥ {:.0f} % of a step after such a call, and would not be if the CPU had gone on",
                     "这类调用之后 GPU 空闲 ≥ 每步的 {:.0f}%，而 CPU 若不等待，GPU 本不会空闲", kWorthAChange});
  found.finding.next_step = {
      "keep values on the GPU: .item(), .cpu(), print(tensor) and if tensor: wait for it; read them every hundred "
      "steps",
      "把数值留在 GPU 上：.item()、.cpu()、print(tensor) 和 if tensor: 都会等待 GPU；每一百步读取一次即可"};
  if (!in.seen.syncs) return;
  for (const ObservedSync& sync : *in.seen.syncs) {
    if (found.changes.size() == kPlacesShown) break;
    found.changes.push_back({sync.place,
                             "",
                             "if step % 100 == 0: …",
                             ResultsEffect::exact,
                             {"makes the CPU wait {:.3g} × a step", "每步 {:.3g} 次让 CPU 等待", sync.per_step}});
  }
}

}  // namespace wring::rules

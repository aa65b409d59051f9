#include "wring/kineto/unheard.h"

#include <algorithm>

#include <fmt/format.h>

namespace wring::kineto {
namespace {

// How it came to an end: the first half of a sentence.
Text ending(const ObservedProgram& program) {
  const std::string waited = fmt::format("{:.0f}", program.waited_s);
  if (program.how == EndOfProgram::timed_out) return {"in {} s", "{} 秒内", waited};
  if (program.how == EndOfProgram::interrupted) return {"before it was interrupted", "在中断之前"};
  if (program.end.signal) {
    return {"before signal {} ended it after {} s", "在 {1} 秒后被信号 {0} 终止之前", *program.end.signal, waited};
  }
  return {"before it ended with exit code {} after {} s", "在 {1} 秒后以退出码 {0} 结束之前",
          program.end.exit_status.value_or(0), waited};
}

}  // namespace

std::optional<Silence> why_unheard(const ObservedProgram& program, std::size_t processes) {
  if (!program.observations.empty()) return std::nullopt;
  const auto failed =
      std::ranges::find_if(program.silent, [](const AgentClient& one) { return one.failure.has_value(); });
  if (failed != program.silent.end()) return why_silent(program, *failed);
  if (!program.silent.empty()) return why_silent(program, program.silent.front());
  const Text end = ending(program);
  if (processes == 0) {
    return Silence{{"{}, no process of it imported a PyTorch whose profiler asks a daemon (2.0 and later, with Kineto)",
                    "{}没有进程导入性能分析器支持守护进程的 PyTorch（2.0 及以上，含 Kineto）", end},
                   {"where it is Python, wring_gpu.agent can be imported in it: docs/diagnose.md",
                    "若是 Python 程序，可在其中 import wring_gpu.agent：docs/diagnose.md"}};
  }
  return Silence{
      {"{}, {} of its processes imported PyTorch, and none stepped an optimiser for long enough to be profiled",
       "{}有 {} 个进程导入了 PyTorch，但没有进程执行足够久的优化器 step 以供分析", end, processes},
      {"it takes some 80 steps and 5 s after the import: --after 5 --steps 30 needs some 45",
       "导入后约需 80 步和 5 秒：--after 5 --steps 30 约需 45 步"}};
}

Silence without_agent(const Text& why) {
  const Text instead{
      "wring looks in by torch's profiler alone: no places in the code, no settings, and steps are timed under the "
      "profiler",
      "wring 仅通过 torch 的性能分析器观察：没有代码位置和设置，且每步耗时是在分析器下测得的"};
  if (why.empty()) return {instead, {}};
  return {{"{}; {}", "{}；{}", why, instead}, {}};
}

}  // namespace wring::kineto

#include "wring/session/judged_process.h"

#include <utility>

#include "wring/agent/words.h"
#include "wring/base/error.h"
#include "wring/findings/judge.h"
#include "wring/trace/chrome_trace.h"
#include "wring/trace/step_shares.h"
#include "wring/trace/step_work.h"

namespace wring {
namespace {

// Below this a few odd steps decide what a step takes.
constexpr std::int64_t kFewSteps = 30;

// Why there is nothing to divide; "" where there is.
Text why_no_trace(const Observation& seen) {
  if (seen.process.device == "cpu") {
    return {"the model computes on the CPU: there is no GPU that could wait", "模型在 CPU 上计算，没有在等待的 GPU"};
  }
  if (seen.no_trace) {
    return {"there is no profile of its steps: {}", "没有训练步的性能分析记录：{}", reason_text(*seen.no_trace)};
  }
  if (!seen.trace) return {"there is no profile of its steps", "没有训练步的性能分析记录"};
  return {};
}

void divide(JudgedProcess& one) {
  const ObservedSteps& steps = one.seen.steps;
  const Trace trace = read_trace(one.seen.trace->path);
  one.timeline = step_timeline(trace);
  DividedSteps divided = divide_steps(trace, steps.mean_ms, steps.loader_wait_ms);
  if (!divided.shares) {
    one.no_shares = divided.reason;
    return;
  }
  one.shares = divided.shares;
  one.work = step_work(trace);
}

}  // namespace

JudgedProcess measured_process(Observation seen) {
  JudgedProcess one;
  one.seen = std::move(seen);
  one.no_shares = why_no_trace(one.seen);
  if (one.no_shares.empty()) {
    try {
      divide(one);
    } catch (const Error& error) {
      one.no_shares = error.message();
    }
  }
  return one;
}

bool can_be_weighed(const JudgedProcess& one) {
  return one.shares && one.work && one.seen.steps.n >= kFewSteps;
}

void weigh_causes(JudgedProcess& one, double held_up_ms) {
  if (!one.shares || !one.work) {
    one.no_finding = one.no_shares;
  } else if (one.seen.steps.n < kFewSteps) {
    one.no_finding = {"{} steady steps were seen, and {} are needed", "只测到 {} 个稳定的训练步，至少需要 {} 个",
                      one.seen.steps.n, kFewSteps};
  } else {
    one.findings = diagnose_program({one.seen, *one.shares, *one.work, held_up_ms});
    if (!one.findings.empty()) return;
    one.no_finding =
        held_up_ms > 0
            ? Text("it waits for another rank, and no single cause of its own takes enough of a step to be named",
                   "它在等另一个 rank，自身没有哪个原因占用的时间多到可以指认")
            : Text("the GPU does not compute all the time, but no single cause takes enough of a step to be named",
                   "GPU 并非一直在计算，但没有哪个原因占用的时间多到可以指认");
  }
}

JudgedProcess judge_process(Observation seen) {
  JudgedProcess one = measured_process(std::move(seen));
  weigh_causes(one);
  return one;
}

}  // namespace wring

#include <optional>

#include <fmt/format.h>

#include "wring/findings/evidence.h"
#include "wring/findings/rules/rules.h"

namespace wring::rules {
namespace {

// A desktop or a monitor alone makes a few per cent.
constexpr double kIdleUtil = 5;
constexpr double kIdleSm = 1;
constexpr double kIowait = 5;  // of all cores; one blocked loader on a machine of 16 cores makes 6

// Few kernels run while the program, or where that cannot be seen the computer, works or waits for its disk: the card
// is not idle, it starves. One PyTorch process that decodes whole photographs itself left an H200 at 0.3 % GPU-Util.
bool starves(const Features& f) {
  const bool some_kernels = at_least(f.gpu_util_max, 1) || at_least(f.sm_activity, 0.01);
  if (!some_kernels) return false;
  if (f.program) return readers_full(f) || f.program->launching >= limit::kLaunching;
  return at_least(f.host_busiest_core, kCoreBusy) || at_least(f.host_cpu, limit::kHostBusy) ||
         at_least(f.host_iowait, kIowait);
}

bool is_idle(const Features& f) {
  if (starves(f)) return false;
  if (f.gpu_util) return *f.gpu_util < kIdleUtil;
  return below(f.sm_activity, kIdleSm);
}

Text idle_rule(const Features& f) {
  if (f.gpu_util) {
    return {"GPU-Util below {} %", "GPU利用率低于 {}%", kIdleUtil};
  }
  return {"SM activity below {} % (this card has no GPU-Util)", "SM活跃度低于 {}%（此卡没有GPU利用率）", kIdleSm};
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
  return Finding{"idle",
                 {"idle: no kernel runs", "空闲：没有核函数在运行"},
                 activity(f).add("memory", "显存", f.memory_full).text(),
                 idle_rule(f),
                 0.95,
                 idle_next(f),
                 {}};
}

}  // namespace wring::rules

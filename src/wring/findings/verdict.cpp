#include "wring/findings/verdict.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <utility>

#include <fmt/format.h>

#include "wring/findings/verdict_rules.h"

namespace wring {
namespace rules {
namespace {

struct Headline {
  std::string_view key;
  Text text;
};
const std::array<Headline, 10> headlines = {{
    {"input_bound", {"input-bound: the GPU waits for data", "输入受限：GPU 在等数据"}},
    {"launch_bound", {"launch-bound: the kernels are too small to fill the GPU", "启动受限：核函数太小，填不满 GPU"}},
    {"memory_bandwidth_bound",
     {"memory-bandwidth-bound: the GPU waits for its own memory", "显存带宽受限：GPU 在等显存"}},
    {"compute_bound", {"compute-bound: the GPU computes all the time", "计算受限：GPU 一直在计算"}},
    {"tensor_cores_unused",
     {"the tensor cores are hardly used: the other units do the arithmetic",
      "张量核心几乎没有用上：运算由其他单元完成"}},
    {"collective_bound", {"waiting for other cards: busy in name only", "在等其他卡：只是看起来忙"}},
    {"power_throttled", {"power-throttled: the power limit holds the clocks down", "功耗降频：功耗上限压低了频率"}},
    {"thermally_throttled", {"heat-throttled: the card is too hot for its clocks", "过热降频：显卡温度过高"}},
    {"idle", {"idle: no kernel runs", "空闲：没有核函数在运行"}},
    {"memory_nearly_full", {"memory nearly full", "显存几乎用满"}},
}};

// Two digits are what a person reads; a share of 0.02 % is not 0.
std::string readable(double value) {
  if (value >= 10 || value == 0) return fmt::format("{:.0f}", value);
  return value >= 1 ? fmt::format("{:.1f}", value) : fmt::format("{:.2g}", value);
}

}  // namespace

Measured& Measured::add(const char* en, const char* zh, const Value& value, const char* unit) {
  if (!value) return *this;
  text_.en += fmt::format("{}{} {}{}", text_.en.empty() ? "" : ", ", en, readable(*value), unit);
  text_.zh += fmt::format("{}{} {}{}", text_.zh.empty() ? "" : "，", zh, readable(*value), unit);
  return *this;
}

Measured activity(const Features& f) {
  Measured numbers;
  numbers.add("GPU-Util", "GPU利用率", f.gpu_util)
      .add("SM activity", "SM活跃度", f.sm_activity)
      .add("tensor activity", "张量核心活跃度", f.tensor_activity)
      .add("DRAM activity", "显存带宽利用率", f.dram_activity);
  if (!f.dram_activity) numbers.add("memory busy", "显存读写占比", f.memory_util);
  return numbers.add("power of limit", "功耗占上限", f.power_of_limit);
}

Finding verdict(std::string_view key, double confidence, Text rule, Text numbers, Text next_step) {
  const auto row = std::ranges::find(headlines, key, &Headline::key);
  return {key, row->text, std::move(numbers), std::move(rule), confidence, std::move(next_step), {}};
}

bool waits(const Features& f) {
  return f.gpu_util ? *f.gpu_util < limit::low_util : below(f.sm_activity, limit::low_sm);
}

Text waits_rule(const Features& f) {
  return f.gpu_util
             ? Text(fmt::format("GPU-Util < {} %", limit::low_util), fmt::format("GPU利用率 < {}%", limit::low_util))
             : Text(fmt::format("SM activity < {} %", limit::low_sm), fmt::format("SM活跃度 < {}%", limit::low_sm));
}

Value sm_while_busy(const Features& f) {
  if (!f.sm_activity || !f.gpu_util || *f.gpu_util <= 0) return std::nullopt;
  return 100 * *f.sm_activity / *f.gpu_util;
}

bool only_copies(const Features& f) {
  const bool busy_bus =
      at_least(f.pcie_rx_mib_s, limit::pcie_busy_mib_s) || at_least(f.pcie_tx_mib_s, limit::pcie_busy_mib_s);
  return busy_bus && below(f.sm_activity, limit::copying_sm);
}

bool readers_full(const Features& f) {
  return f.program && f.program->readers >= limit::some_readers && wring::readers_full(*f.program);
}

bool main_thread_reads(const Features& f) {
  if (!f.program || f.program->readers >= limit::some_readers || f.program->launching < limit::launching) return false;
  if (at_least(f.program->backward, limit::backward_of_launching_surely)) return false;
  if (at_least(f.program->read_mib_s, limit::reading_mib_s)) return true;
  return below_or_unknown(f.program->backward, limit::backward_of_launching) &&
         at_least(sm_while_busy(f), limit::sm_while_busy);
}

bool starves(const Features& f) {
  const bool some_kernels = at_least(f.gpu_util_max, 1) || at_least(f.sm_activity, 0.01);
  if (!some_kernels) return false;
  if (f.program) return readers_full(f) || f.program->launching >= limit::launching;
  return at_least(f.host_busiest_core, core_busy) || at_least(f.host_cpu, limit::host_busy) ||
         at_least(f.host_iowait, limit::iowait);
}

}  // namespace rules

std::vector<Finding> verdicts(const Features& features) {
  std::vector<Finding> found;
  if (features.data_s < silent_below_s) return found;
  for (const auto& rule : {rules::idle, rules::compute_bound, rules::tensor_cores_unused, rules::memory_bandwidth_bound,
                           rules::launch_bound, rules::collective_bound, rules::input_bound, rules::power_throttled,
                           rules::heat_throttled, rules::memory_nearly_full}) {
    if (std::optional<Finding> finding = rule(features)) found.push_back(*std::move(finding));
  }
  std::ranges::stable_sort(found, std::greater{}, &Finding::confidence);
  return found;
}

Text why_no_verdict(const Features& f) {
  if (!f.gpu_util && !f.sm_activity) {
    return {"neither GPU-Util nor SM activity could be read", "读不到GPU利用率和SM活跃度"};
  }
  if (f.steady_s < silent_below_s) {
    const double lasted_s = std::floor(f.steady_s);
    return {fmt::format("the steady part lasted {} s, and {} s of it are needed", lasted_s, silent_below_s),
            fmt::format("稳定阶段只有 {} 秒，判断需要 {} 秒", lasted_s, silent_below_s)};
  }
  if (!rules::waits(f)) {
    return {"the card is in use, and no single limit shows", "显卡在使用中，没有单一的瓶颈"};
  }
  if (!f.program) {
    return {
        "the card waits, and the program that uses it cannot be seen from here (another user's or container's, or one "
        "of several): wring monitor -- COMMAND sees it",
        "显卡在等待，但这里看不到使用它的程序（属于其他用户或容器，或有多个程序）：wring monitor -- COMMAND 可以看到"};
  }
  if (f.program->launching >= thresholds::launching) {
    return {
        "the card waits for one busy thread of the program, and it cannot be told from outside whether that launches "
        "small kernels or prepares data: py-spy top --pid PID tells",
        "显卡在等程序的一个繁忙线程，从外部无法区分它是在启动小核函数还是在准备数据：可用 py-spy top --pid PID 查看"};
  }
  return {
      fmt::format(
          "the card waits, but neither the program's readers ({:.0f} at work) nor its launching thread ({:.0f} %) "
          "have all that they can do: it may wait for a network, a lock or another process; py-spy dump --pid "
          "PID tells",
          f.program->readers, f.program->launching),
      fmt::format(
          "显卡在等待，但程序的读取者（{:.0f} 个在工作）和启动线程（{:.0f}%）都不满负荷：它可能在等网络、锁或其他进程，"
          "可用 py-spy dump --pid PID 查看",
          f.program->readers, f.program->launching)};
}

}  // namespace wring

#include "wring/findings/evidence.h"

#include <algorithm>
#include <string>

#include <fmt/format.h>

namespace wring::rules {
namespace {

// Of what the thread does: so much of a backward pass no loading of data has beside it.
constexpr double kSurelyBackward = 15;

// Two digits are what a person reads; a share of 0.02 % is not 0.
std::string readable(double value) {
  if (value >= 10 || value == 0) return fmt::format("{:.0f}", value);
  return value >= 1 ? fmt::format("{:.1f}", value) : fmt::format("{:.2g}", value);
}

}  // namespace

Measured& Measured::add(const char* en, const char* zh, const Value& value, const char* unit) {
  if (!value) return *this;
  text_.append({", ", "，"}, {"{} {}{}", "{} {}{}", Text(en, zh), readable(*value), unit});
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

Text host_numbers(const Features& f, Measured numbers) {
  if (f.program) {
    const ProgramMeans& program = *f.program;
    numbers.add("the launching thread", "启动线程", program.launching);
    numbers.add("of which the backward pass", "其中反向传播", program.backward);
    numbers.add("readers at work", "工作中的读取者", program.readers, "");
    if (program.readers >= limit::kSomeReaders) {
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

bool waits(const Features& f) {
  return f.gpu_util ? *f.gpu_util < limit::kLowUtil : below(f.sm_activity, limit::kLowSm);
}

Text waits_rule(const Features& f) {
  return f.gpu_util ? Text("GPU-Util < {} %", "GPU利用率 < {}%", limit::kLowUtil)
                    : Text("SM activity < {} %", "SM活跃度 < {}%", limit::kLowSm);
}

Value sm_while_busy(const Features& f) {
  if (!f.sm_activity || !f.gpu_util || *f.gpu_util <= 0) return std::nullopt;
  return 100 * *f.sm_activity / *f.gpu_util;
}

bool only_copies(const Features& f) {
  const bool busy_bus =
      at_least(f.pcie_rx_mib_s, limit::kPcieBusyMibS) || at_least(f.pcie_tx_mib_s, limit::kPcieBusyMibS);
  return busy_bus && below(f.sm_activity, limit::kCopyingSm);
}

bool readers_full(const Features& f) {
  return f.program && f.program->readers >= limit::kSomeReaders && wring::readers_full(*f.program);
}

bool main_thread_reads(const Features& f) {
  if (!f.program || f.program->readers >= limit::kSomeReaders || f.program->launching < limit::kLaunching) return false;
  if (at_least(f.program->backward, kSurelyBackward)) return false;
  if (at_least(f.program->read_mib_s, limit::kReadingMibS)) return true;
  return below_or_unknown(f.program->backward, limit::kBackwardOfLaunching) &&
         at_least(sm_while_busy(f), limit::kSmWhileBusy);
}

}  // namespace wring::rules

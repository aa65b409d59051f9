#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "wring/base/display_text.h"
#include "wring/monitor/write/tick_format.h"

namespace wring {
namespace {

std::optional<double> value(const GpuSample& sample, Metric metric) {
  return plausible(metric_row(metric), sample[metric]);
}

// As wide as " 87%", so that the columns stand still.
std::string percent(std::optional<double> value) {
  return value ? fmt::format("{:3.0f}%", *value) : " N/A";
}

// " 78% (9.4GB)", or what is known of it.
std::string memory(std::optional<double> used_mib, std::optional<double> total_mib) {
  if (!used_mib) return percent(std::nullopt);
  if (!total_mib || *total_mib <= 0) return gigabytes(*used_mib);
  return fmt::format("{} ({})", percent(100 * *used_mib / *total_mib), gigabytes(*used_mib));
}

std::optional<double> as_double(std::optional<std::int64_t> value) {
  return value ? std::optional(static_cast<double>(*value)) : std::nullopt;
}

}  // namespace

std::string gigabytes(double mib) {
  return fmt::format("{:.1f}GB", mib / 1024);
}

TickText::TickText(std::vector<Gpu> gpus, TextStyle style) : gpus_(std::move(gpus)), style_(style) {}

std::string TickText::line(const char* sign, const Text& text) const {
  const std::string words = without_controls(text.in(style_.language));
  return style_.utf8 ? fmt::format("{} {}\n", sign, words) : to_ascii(words) + '\n';
}

bool TickText::is_own_line(std::string_view line) const {
  // How the lines below begin, and what follows in all of them.
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kKinds = {
      {{"🎯 ", " | "}, {"💻 ", " | "}, {"⏳ ", "GPU "}, {"❌ ", ""}}};
  return std::ranges::any_of(kKinds, [&](const auto& kind) {
    return line.starts_with(kind.first) && line.find(kind.second) != std::string_view::npos;
  });
}

std::string TickText::lines(const Tick& tick) const {
  if (gpus_.empty()) return host_line(tick.host);
  std::string lines;
  for (std::size_t i = 0; i < gpus_.size() && i < tick.gpus.size(); ++i) lines += gpu_line(gpus_[i], tick.gpus[i]);
  return lines;
}

std::string TickText::gpu_line(const Gpu& gpu, const GpuTick& tick) const {
  const std::string number = gpus_.size() > 1 ? fmt::format("[{}] ", gpu.index) : "";
  if (tick.stuck_for_s) {
    return line("⏳", {"{}GPU {}: driver call stuck {:.0f} s", "{}GPU {}：驱动调用已卡住 {:.0f} 秒", number, gpu.index,
                      *tick.stuck_for_s});
  }
  if (tick.sample && tick.sample->problem) {
    const Text& what = tick.sample->problem->what;
    return line("❌", {"{}{}", "{}{}", number, what});
  }
  const GpuSample nothing;
  const GpuSample& sample = tick.sample ? *tick.sample : nothing;
  const std::string util = percent(value(sample, Metric::gpu_util));
  std::optional<double> total = value(sample, Metric::memory_total);
  if (!total) total = as_double(gpu.memory_total_mib);
  const std::string used = memory(value(sample, Metric::memory_used), total);
  return line("🎯", {"{}GPU-Util: {} | Memory: {}", "{}GPU利用率: {} | 显存使用: {}", number, util, used});
}

std::string TickText::host_line(const HostSample& host) const {
  const std::string cpu = percent(host.cpu_percent);
  const std::string wait = percent(host.iowait_percent);
  const std::string used = memory(as_double(host.memory_used_mib), as_double(host.memory_total_mib));
  return line(
      "💻", {"CPU: {} | I/O wait: {} | Host memory: {}", "CPU利用率: {} | I/O等待: {} | 内存使用: {}", cpu, wait, used});
}

}  // namespace wring

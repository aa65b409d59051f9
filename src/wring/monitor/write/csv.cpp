#include <cmath>
#include <ctime>

#include <fmt/format.h>

#include "wring/monitor/write/tick_format.h"

namespace wring {
namespace {

constexpr const char* kSeparator = ", ";
constexpr const char* kMissing = "[N/A]";
constexpr const char* kFirstColumns = "timestamp, index, uuid";

// YYYY/MM/DD HH:MM:SS.mmm, local time.
std::string timestamp(std::int64_t unix_ms) {
  const auto seconds = static_cast<std::time_t>(unix_ms / 1000);
  std::tm parts{};
  ::localtime_r(&seconds, &parts);
  return fmt::format("{:04}/{:02}/{:02} {:02}:{:02}:{:02}.{:03}", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday,
                     parts.tm_hour, parts.tm_min, parts.tm_sec, unix_ms % 1000);
}

std::string number(std::optional<double> value) {
  return value ? fmt::format("{}", std::round(*value * 100) / 100) : kMissing;
}

std::string row(const std::string& time, const std::string& index, const std::string& uuid, const GpuSample& sample,
                const HostSample& host) {
  std::string line = time + kSeparator + index + kSeparator + uuid;
  for (const MetricRow& metric : metric_rows()) {
    line += kSeparator + number(plausible(metric, sample[metric.metric]));
  }
  line += kSeparator + (sample.throttle_reasons ? fmt::format("0x{:016X}", *sample.throttle_reasons) : kMissing);
  for (const auto& value : {host.cpu_percent, host.busiest_core_percent, host.iowait_percent}) {
    line += kSeparator + number(value);
  }
  return line + '\n';
}

}  // namespace

TickCsv::TickCsv(std::vector<Gpu> gpus) : gpus_(std::move(gpus)) {}

std::string TickCsv::header() const {
  std::string line = kFirstColumns;
  for (const MetricRow& metric : metric_rows()) line += fmt::format("{}{}", kSeparator, metric.csv_header);
  return line + ", clocks_event_reasons.active, host.cpu [%], host.cpu.busiest_core [%], host.iowait [%]\n";
}

bool TickCsv::is_own_line(std::string_view line) const {
  return line.starts_with(kFirstColumns);
}

std::string TickCsv::lines(const Tick& tick) const {
  const std::string time = timestamp(tick.unix_ms);
  const GpuSample nothing;
  if (gpus_.empty()) return row(time, kMissing, kMissing, nothing, tick.host);
  std::string lines;
  for (std::size_t i = 0; i < gpus_.size() && i < tick.gpus.size(); ++i) {
    const std::string uuid = gpus_[i].uuid.empty() ? kMissing : gpus_[i].uuid;
    lines += row(time, std::to_string(gpus_[i].index), uuid, tick.gpus[i].sample.value_or(nothing), tick.host);
  }
  return lines;
}

}  // namespace wring

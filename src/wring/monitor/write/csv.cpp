#include <cmath>
#include <ctime>

#include <fmt/format.h>

#include "wring/monitor/write/tick_format.h"

namespace wring {
namespace {

constexpr const char* separator = ", ";
constexpr const char* missing = "[N/A]";
constexpr const char* first_columns = "timestamp, index, uuid";

// YYYY/MM/DD HH:MM:SS.mmm, local time.
std::string timestamp(std::int64_t unix_ms) {
  const auto seconds = static_cast<std::time_t>(unix_ms / 1000);
  std::tm parts{};
  ::localtime_r(&seconds, &parts);
  return fmt::format("{:04}/{:02}/{:02} {:02}:{:02}:{:02}.{:03}", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday,
                     parts.tm_hour, parts.tm_min, parts.tm_sec, unix_ms % 1000);
}

std::string number(std::optional<double> value) {
  return value ? fmt::format("{}", std::round(*value * 100) / 100) : missing;
}

std::string row(const std::string& time, const std::string& index, const std::string& uuid, const GpuSample& sample,
                const HostSample& host) {
  std::string line = time + separator + index + separator + uuid;
  for (const MetricRow& metric : metric_rows()) {
    line += separator + number(plausible(metric, sample[metric.metric]));
  }
  line += separator + (sample.throttle_reasons ? fmt::format("0x{:016X}", *sample.throttle_reasons) : missing);
  for (const auto& value : {host.cpu_percent, host.busiest_core_percent, host.iowait_percent}) {
    line += separator + number(value);
  }
  return line + '\n';
}

}  // namespace

TickCsv::TickCsv(std::vector<Gpu> gpus) : gpus_(std::move(gpus)) {}

std::string TickCsv::header() const {
  std::string line = first_columns;
  for (const MetricRow& metric : metric_rows()) line += fmt::format("{}{}", separator, metric.csv_header);
  return line + ", clocks_event_reasons.active, host.cpu [%], host.cpu.busiest_core [%], host.iowait [%]\n";
}

bool TickCsv::is_own_line(std::string_view line) const {
  return line.starts_with(first_columns);
}

std::string TickCsv::lines(const Tick& tick) const {
  const std::string time = timestamp(tick.unix_ms);
  const GpuSample nothing;
  if (gpus_.empty()) return row(time, missing, missing, nothing, tick.host);
  std::string lines;
  for (std::size_t i = 0; i < gpus_.size() && i < tick.gpus.size(); ++i) {
    const std::string uuid = gpus_[i].uuid.empty() ? missing : gpus_[i].uuid;
    lines += row(time, std::to_string(gpus_[i].index), uuid, tick.gpus[i].sample.value_or(nothing), tick.host);
  }
  return lines;
}

}  // namespace wring

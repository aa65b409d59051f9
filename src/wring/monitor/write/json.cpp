#include "wring/base/json.h"

#include <ctime>
#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "wring/base/json_text.h"
#include "wring/monitor/write/tick_format.h"

namespace wring {
namespace {

using Json = nlohmann::ordered_json;

Json gpu_json(const Gpu& gpu, const GpuTick& tick) {
  const GpuSample nothing;
  const GpuSample& sample = tick.sample ? *tick.sample : nothing;
  Json json = {{"index", gpu.index}, {"uuid", gpu.uuid}, {"name", gpu.name}};
  for (const MetricRow& row : metric_rows()) {
    json[std::string(row.key)] = json_number(plausible(row, sample[row.metric]));
  }
  json["throttle_reasons"] = or_null(sample.throttle_reasons);
  json["processes"] = Json::array();
  for (const GpuProcess& process : sample.processes) {
    json["processes"].push_back({{"pid", process.pid},
                                 {"name", process.name.empty() ? Json() : Json(process.name)},
                                 {"memory_mib", or_null(process.memory_mib)},
                                 {"sm_util", json_number(process.sm_util)}});
  }
  json["xids"] = sample.xids;
  json["stuck_for_s"] = json_number(tick.stuck_for_s);
  json["problem"] = sample.problem ? Json(sample.problem->what.en) : Json();
  return json;
}

Json program_json(const std::optional<ProgramSample>& program) {
  if (!program) return {};
  return {{"window_s", json_number(program->window_s)},
          {"launching_percent", json_number(program->launching)},
          {"backward_percent", json_number(program->backward)},
          {"readers", program->readers},
          {"readers_busy_percent", json_number(program->readers_busy)},
          {"busiest_reader_percent", json_number(program->busiest_reader)},
          {"readers_wanting_percent", json_number(program->readers_wanting)},
          {"readers_at_disk_percent", json_number(program->readers_at_disk)},
          {"read_mib_s", json_number(program->read_mib_s)}};
}

// "2026-11-25T04:35:17.123Z"
std::string utc_time(std::int64_t unix_ms) {
  const auto seconds = static_cast<std::time_t>(unix_ms / 1000);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec, unix_ms % 1000);
}

}  // namespace

nlohmann::ordered_json tick_json(const Tick& tick, const std::vector<Gpu>& gpus) {
  Json json = {{"schema", kTickSchema},         {"time", utc_time(tick.unix_ms)}, {"unix_ms", tick.unix_ms},
               {"interval_s", tick.interval_s}, {"missed", tick.missed},          {"gpus", Json::array()}};
  for (std::size_t i = 0; i < gpus.size() && i < tick.gpus.size(); ++i) {
    json["gpus"].push_back(gpu_json(gpus[i], tick.gpus[i]));
  }
  json["host"] = {{"cpu_percent", json_number(tick.host.cpu_percent)},
                  {"busiest_core_percent", json_number(tick.host.busiest_core_percent)},
                  {"iowait_percent", json_number(tick.host.iowait_percent)},
                  {"memory_used_mib", or_null(tick.host.memory_used_mib)},
                  {"memory_total_mib", or_null(tick.host.memory_total_mib)},
                  {"disk_read_mib_s", json_number(tick.host.disk_read_mib_s)}};
  json["program"] = program_json(tick.program);
  return json;
}

bool TickJson::is_own_line(std::string_view line) const {
  // Of every version: what stands before the version's number.
  const std::string_view schema = kTickSchema;
  return line.starts_with(R"({"schema":")" + std::string(schema.substr(0, schema.find('/') + 1)));
}

std::string TickJson::lines(const Tick& tick) const {
  // A process may have any bytes for a name.
  return json_text(tick_json(tick, gpus_)) + '\n';
}

}  // namespace wring

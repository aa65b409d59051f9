#include "wring/monitor/serve/json.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "wring/base/json.h"
#include "wring/base/json_text.h"
#include "wring/monitor/write/summary_json.h"
#include "wring/monitor/write/tick_format.h"
#include "wring/telemetry/throttle.h"

namespace wring::serve {
namespace {

using Json = nlohmann::ordered_json;

// Names of processes and cards may hold any bytes.
std::string dumped(const Json& json) {
  return json_text(json) + '\n';
}

std::string_view kind_name(MetricKind kind) {
  switch (kind) {
    case MetricKind::share:
      return "share";
    case MetricKind::level:
      return "level";
    case MetricKind::rate:
      return "rate";
    case MetricKind::counter:
      break;
  }
  return "counter";
}

Json problem_json(const std::optional<GpuProblem>& problem, Language language) {
  if (!problem) return {};
  return {{"what", problem->what.in(language)}, {"cure", problem->cure.in(language)}, {"code", problem->code}};
}

Json card_json(const Gpu& gpu, Language language) {
  Json json = {{"index", gpu.index}, {"uuid", gpu.uuid}, {"name", gpu.name}, {"pci_bus_id", gpu.pci_bus_id}};
  json["memory_total_mib"] = or_null(gpu.memory_total_mib);
  json["compute_capability"] =
      gpu.compute_capability_major && gpu.compute_capability_minor
          ? Json(fmt::format("{}.{}", *gpu.compute_capability_major, *gpu.compute_capability_minor))
          : Json();
  json["problem"] = problem_json(gpu.problem, language);
  return json;
}

Json column(const std::vector<PlotHistory::Point>& points, auto&& value_of) {
  Json values = Json::array();
  bool any = false;
  for (const PlotHistory::Point& point : points) {
    values.push_back(json_number(value_of(point)));
    any = any || !values.back().is_null();
  }
  return any ? values : Json();
}

// Why the card does not answer, the newest word first.
Json why_lost(const MonitorView& view, std::size_t i, Language language) {
  const std::optional<GpuSample>& sample = view.gpus[i].sample;
  return problem_json(sample && sample->problem ? sample->problem : view.facts->gpus[i].problem, language);
}

}  // namespace

std::string gpus_answer(const MonitorView& view, Language language) {
  const MonitorFacts& facts = *view.facts;
  Json json = {{"schema", "wring.monitor.gpus/1"},
               {"version", facts.version},
               {"host_name", facts.host_name},
               {"started_unix_ms", facts.started_unix_ms},
               {"source", source_name(facts.source)},
               {"driver_version", facts.driver_version.empty() ? Json() : Json(facts.driver_version)},
               {"problems", Json::array()},
               {"gpus", Json::array()},
               {"metrics", Json::array()}};
  for (const GpuProblem& problem : facts.problems) json["problems"].push_back(problem_json(problem, language));
  for (std::size_t i = 0; i < facts.gpus.size(); ++i) {
    json["gpus"].push_back(card_json(facts.gpus[i], language));
    if (i < view.gpus.size()) json["gpus"].back()["problem"] = why_lost(view, i, language);
  }
  for (const MetricRow& row : metric_rows()) {
    json["metrics"].push_back({{"key", row.key},
                               {"unit", row.unit},
                               {"kind", kind_name(row.kind)},
                               {"title", row.title.in(language)},
                               {"help", row.help.in(language)}});
  }
  return dumped(json);
}

std::string latest_answer(const MonitorView& view, Language language) {
  Tick tick;
  tick.unix_ms = view.unix_ms;
  tick.interval_s = view.interval_s;
  tick.missed = view.missed;
  tick.host = view.host;
  tick.program = view.program;
  for (const ServedGpu& gpu : view.gpus) tick.gpus.push_back({gpu.sample, gpu.stuck_for_s});
  Json json = tick_json(tick, view.facts->gpus);
  json["schema"] = "wring.monitor.latest/1";
  json["started_unix_ms"] = view.facts->started_unix_ms;
  json["ticks"] = view.ticks;
  json["age_s"] = json_number(view.last_tick_age_s);
  for (std::size_t i = 0; i < view.gpus.size(); ++i) {
    Json& card = json["gpus"][i];
    card["up"] = !view.lost(i);
    card["problem"] = why_lost(view, i, language);
    const auto reasons = view.gpus[i].sample ? view.gpus[i].sample->throttle_reasons : std::nullopt;
    card["throttle"] = reasons ? Json::array() : Json();
    for (const ThrottleName& name : throttle_names()) {
      if (reasons && (*reasons & name.bit) != 0) {
        card["throttle"].push_back({{"key", name.key}, {"title", name.title.in(language)}});
      }
    }
  }
  return dumped(json);
}

bool is_history_metric(std::string_view key) {
  return key == "cpu_percent" || key == "iowait_percent" ||
         std::ranges::any_of(metric_rows(), [key](const MetricRow& row) { return row.key == key; });
}

std::string history_answer(const MonitorFacts& facts, const std::vector<PlotHistory::Point>& points,
                           const std::vector<std::string>& only) {
  const auto wanted = [&only](std::string_view key) {
    return only.empty() || std::ranges::find(only, key) != only.end();
  };
  Json json = {{"schema", "wring.monitor.history/1"},
               {"started_unix_ms", facts.started_unix_ms},
               {"unix_ms", Json::array()},
               {"gpus", Json::array()}};
  for (const PlotHistory::Point& point : points) json["unix_ms"].push_back(point.unix_ms);
  for (std::size_t i = 0; i < facts.gpus.size(); ++i) {
    Json metrics = Json::object();
    for (const MetricRow& row : metric_rows()) {
      if (!wanted(row.key)) continue;
      Json values = column(points, [&](const PlotHistory::Point& point) {
        return static_cast<double>(point.gpus[i][static_cast<std::size_t>(row.metric)]);
      });
      if (!values.is_null()) metrics[std::string(row.key)] = std::move(values);
    }
    json["gpus"].push_back(
        {{"index", facts.gpus[i].index}, {"uuid", facts.gpus[i].uuid}, {"metrics", std::move(metrics)}});
  }
  Json host = Json::object();
  const auto add_host = [&](const char* key, PlotHistory::HostSeries series) {
    if (!wanted(key)) return;
    Json values =
        column(points, [series](const PlotHistory::Point& point) { return static_cast<double>(point.host[series]); });
    if (!values.is_null()) host[key] = std::move(values);
  };
  add_host("cpu_percent", PlotHistory::host_cpu);
  add_host("iowait_percent", PlotHistory::host_iowait);
  json["host"] = std::move(host);
  return dumped(json);
}

std::string summary_answer(const JudgedSummary& summary, Language language) {
  return dumped(summary_json(summary, language, /*complete=*/false));
}

std::string health_answer(const MonitorView& view) {
  Json lost = Json::array();
  for (std::size_t i = 0; i < view.gpus.size(); ++i) {
    if (view.lost(i)) lost.push_back(view.facts->gpus[i].index);
  }
  return dumped({{"schema", "wring.monitor.health/1"},
                 {"status", view.ticks == 0  ? "starting"
                            : view.stalled() ? "stalled"
                                             : "ok"},
                 {"ticks", view.ticks},
                 {"missed", view.missed},
                 {"last_tick_age_s", json_number(view.last_tick_age_s)},
                 {"gpus", view.gpus.size()},
                 {"lost_gpus", std::move(lost)}});
}

std::string error_answer(int status, const std::string& message) {
  return dumped({{"error", {{"status", status}, {"message", message}}}});
}

}  // namespace wring::serve

#include "wring/monitor/write/summary_json.h"

#include <nlohmann/json.hpp>

#include "wring/base/json.h"
#include "wring/monitor/write/tick_format.h"

namespace wring {
namespace {

using Json = nlohmann::ordered_json;

Json metric_json(const std::optional<MetricSummary>& summary, bool share) {
  if (!summary) return {};
  Json json = {{"mean", json_number(summary->mean)},
               {"p50", json_number(summary->p50)},
               {"p95", json_number(summary->p95)},
               {"max", json_number(summary->max)},
               {"deviation", json_number(summary->deviation)}};
  if (share) json["under_10_share"] = json_number(summary->under_10_share);
  json["coverage"] = json_number(summary->coverage);
  return json;
}

Json verdict_json(const Finding& verdict, Language language) {
  return {{"key", verdict.key},
          {"headline", verdict.headline.in(language)},
          {"confidence", json_number(verdict.confidence)},
          {"rule", verdict.rule.in(language)},
          {"numbers", verdict.numbers.in(language)},
          {"next_step", verdict.next_step.in(language)}};
}

Json program_json(const std::optional<ProgramMeans>& program) {
  if (!program) return {};
  return {{"launching_percent", json_number(program->launching)},
          {"backward_of_launching_percent", json_number(program->backward)},
          {"readers", json_number(program->readers)},
          {"readers_busy_percent", json_number(program->readers_busy)},
          {"busiest_reader_percent", json_number(program->busiest_reader)},
          {"readers_wanting_percent", json_number(program->readers_wanting)},
          {"readers_at_disk_percent", json_number(program->readers_at_disk)},
          {"read_mib_s", json_number(program->read_mib_s)}};
}

// Seconds by phase, and the means of the steady one; null where nothing told the phases.
Json phases_json(const PhaseSummary& phases) {
  if (!phases.known) return {};
  Json json = Json::object();
  const double all_s = phases.all_s();
  for (const PhaseRow& row : phase_rows()) {
    const double seconds = phases.of(row.phase);
    json[std::string(row.key)] = {{"seconds", json_number(seconds)},
                                  {"share", all_s > 0 ? json_number(seconds / all_s) : Json()}};
  }
  return json;
}

Json steady_json(const SteadyPart& steady) {
  Json json = {{"seconds", json_number(steady.seconds)}, {"covered_s", json_number(steady.covered_s)}};
  for (const MetricRow& row : metric_rows()) {
    if (row.kind != MetricKind::counter) json[std::string(row.key)] = json_number(steady.mean(row.metric));
  }
  json["gpu_util_deviation"] = json_number(steady.gpu_util_deviation);
  json["gpu_util_under_10_percent"] = json_number(steady.gpu_util_under_10);
  json["cpu_percent"] = json_number(steady.host_cpu);
  json["busiest_core_percent"] = json_number(steady.host_busiest_core);
  json["iowait_percent"] = json_number(steady.host_iowait);
  json["program"] = program_json(steady.program);
  return json;
}

Json problem_json(const std::optional<GpuProblem>& problem, Language language) {
  if (!problem) return {};
  return {{"what", problem->what.in(language)}, {"cure", problem->cure.in(language)}, {"code", problem->code}};
}

Json gpu_json(const GpuSummary& card, const CardFindings& findings, Language language) {
  Json json = {{"index", card.gpu.index}, {"uuid", card.gpu.uuid},     {"name", card.gpu.name},
               {"samples", card.samples}, {"rejected", card.rejected}, {"metrics", Json::object()}};
  for (const MetricRow& row : metric_rows()) {
    if (row.kind == MetricKind::counter) continue;
    json["metrics"][std::string(row.key)] = metric_json(card[row.metric], row.kind == MetricKind::share);
  }
  json["memory_total_mib"] = json_number(card.memory_total_mib());
  json["sampled_peak_memory_mib"] = json_number(card.peak_memory_mib);
  json["energy_j"] = json_number(card.energy_j);
  json["energy_from"] = !card.energy_j ? Json() : card.energy_from_counter ? Json("counter") : Json("power");
  json["throttled_share"] = json_number(card.throttled_share);
  json["power_throttled_share"] = json_number(card.power_throttled_share);
  json["heat_throttled_share"] = json_number(card.heat_throttled_share);
  json["ecc_errors"] = json_number(card.ecc_errors);
  json["xids"] = Json::object();
  for (const auto& [xid, times] : card.xids) json["xids"][std::to_string(xid)] = times;
  json["verdicts"] = Json::array();
  for (const Finding& verdict : findings.verdicts) json["verdicts"].push_back(verdict_json(verdict, language));
  json["no_verdict"] = findings.no_verdict.empty() ? Json() : Json(findings.no_verdict.in(language));
  json["inside_verdict"] = findings.inside ? verdict_json(*findings.inside, language) : Json();
  json["phases"] = phases_json(card.phases);
  json["steady"] = steady_json(card.phases.steady);
  json["no_gpu_util"] = problem_json(card.no_util, language);
  json["problem"] = problem_json(card.problem, language);
  json["stuck_for_s"] = json_number(card.stuck_for_s);
  return json;
}

Json run_json(const RunSummary& run, Language language) {
  return {{"metrics", run.metrics.string()},
          {"lines", run.lines},
          {"ranks", run.ranks},
          {"data_wait_spread", json_number(run.spread)},
          {"slowest_rank", or_null(run.slowest)},
          {"straggler", run.straggler ? verdict_json(*run.straggler, language) : Json()}};
}

}  // namespace

nlohmann::ordered_json summary_json(const JudgedSummary& summary, Language language, bool complete) {
  Json json = {{"schema", kSummarySchema},
               {"complete", complete},
               {"duration_s", json_number(summary.duration_s)},
               {"interval_s", json_number(summary.interval_s)},
               {"ticks", summary.ticks},
               {"missed", summary.missed},
               {"gpus", Json::array()}};
  for (std::size_t i = 0; i < summary.gpus.size(); ++i) {
    json["gpus"].push_back(gpu_json(summary.gpus[i], summary.findings.at(i), language));
  }
  if (summary.run) json["run"] = run_json(*summary.run, language);
  json["host"] = {{"cpu_percent", metric_json(summary.host_cpu, true)},
                  {"busiest_core_percent", metric_json(summary.host_busiest_core, true)},
                  {"iowait_percent", metric_json(summary.host_iowait, true)},
                  {"disk_read_mib_s", metric_json(summary.host_disk_read_mib_s, false)},
                  {"sampled_peak_memory_mib", json_number(summary.host_peak_memory_mib)}};
  return json;
}

}  // namespace wring

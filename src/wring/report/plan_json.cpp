#include <algorithm>
#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "wring/base/json.h"
#include "wring/base/json_text.h"
#include "wring/base/message.h"
#include "wring/report/json_parts.h"
#include "wring/report/plan_text.h"

namespace wring {
namespace {

using Json = nlohmann::ordered_json;

Json problem_json(const GpuProblem& problem, Language language) {
  return {{"what", problem.what.in(language)}, {"cure", problem.cure.in(language)}, {"code", problem.code}};
}

Json gpu_json(const Gpu& gpu, Language language) {
  Json json = {{"index", gpu.index},
               {"uuid", gpu.uuid},
               {"name", gpu.name},
               {"pci_bus_id", gpu.pci_bus_id},
               {"memory_total_mib", or_null(gpu.memory_total_mib)},
               {"memory_used_mib", or_null(gpu.memory_used_mib)},
               {"memory_reserved_mib", or_null(gpu.memory_reserved_mib)}};
  json["compute_capability"] = nullptr;
  if (gpu.compute_capability_major && gpu.compute_capability_minor) {
    json["compute_capability"] = fmt::format("{}.{}", *gpu.compute_capability_major, *gpu.compute_capability_minor);
  }
  json["problem"] = gpu.problem ? problem_json(*gpu.problem, language) : Json();
  return json;
}

Json machine_json(const OptimizeReport& report, Language language) {
  const Machine& machine = report.plan.machine;
  Json json = {{"source", report.inventory ? source_name(report.inventory->source) : "given"},
               {"basic_mode", report.plan.basic_mode},
               {"card", nullptr},
               {"gpus", machine.gpus},
               {"cpu_cores", machine.cpu_cores},
               {"driver_version", nullptr},
               {"found", Json::array()},
               {"problems", Json::array()}};
  if (machine.card) json["card"] = {{"name", machine.card->name}, {"memory_gib", machine.card->memory_gib}};
  if (report.inventory) {
    const Inventory& inventory = *report.inventory;
    if (!inventory.driver_version.empty()) json["driver_version"] = inventory.driver_version;
    for (const Gpu& gpu : inventory.gpus) json["found"].push_back(gpu_json(gpu, language));
    for (const GpuProblem& problem : inventory.problems) json["problems"].push_back(problem_json(problem, language));
  }
  return json;
}

}  // namespace

void print_json(const OptimizeReport& report, const Console& console) {
  const Language language = console.language;
  Json json = {{"schema", 1}, {"config", report.config.string()}, {"machine", machine_json(report, language)}};
  json["changes"] = Json::array();
  for (const Change& change : report.plan.changes) {
    json["changes"].push_back(change_json(change, language));
  }
  json["run"] = {{"gpus", std::max(1, report.plan.machine.gpus)},
                 {"before", run_json(report.plan.run_before)},
                 {"after", run_json(report.plan.run_after)}};
  json["notes"] = Json::array();
  for (const Text& note : report.plan.notes) json["notes"].push_back(note.in(language));
  json["output"] = report.output.string();
  json["written"] = report.written;
  json["next_command"] = report.written ? Json(next_command(report)) : Json();
  print_out("{}\n", json_text(json));
}

}  // namespace wring

#include "wring/report/program/json.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "wring/agent/observation_json.h"
#include "wring/base/json_text.h"
#include "wring/report/json_parts.h"
#include "wring/report/program/arithmetic.h"

namespace wring {
namespace {

using Json = nlohmann::ordered_json;

std::string_view effect_key(ResultsEffect effect) {
  switch (effect) {
    case ResultsEffect::exact:
      return "exact";
    case ResultsEffect::rounding:
      return "rounding";
    case ResultsEffect::optimisation:
      return "optimisation";
  }
  return "";
}

Json change_json(const CodeChange& change) {
  return {{"file", change.place ? Json(change.place->file) : Json()},
          {"line", change.place ? Json(change.place->line) : Json()},
          {"now", change.now},
          {"then", change.then},
          {"effect", effect_key(change.effect)}};
}

Json shares_json(const StepShares& shares) {
  Json json = {{"step_ms", shares.step_ms}};
  for (const ShareRow& row : kShareRows) json[fmt::format("{}_ms", row.key)] = shares.*row.ms;
  return json;
}

Json copies_json(const CopyWork& copies) {
  return {{"count", copies.count}, {"ms", copies.ms}, {"bytes", copies.bytes}};
}

Json work_json(const StepWork& work) {
  Json kinds = Json::object(), products = Json::object();
  for (const KernelKindTime& kind : work.kinds) {
    kinds[std::string(std::ranges::find(kernel_kind_rows(), kind.kind, &KernelKindRow::kind)->key)] = kind.ms;
  }
  for (const ProductTime& one : work.products) products[one.type.empty() ? "unknown" : one.type] = one.ms;
  return {{"kernels", work.kernels},
          {"mean_kernel_us", work.mean_kernel_us},
          {"kinds_ms", kinds},
          {"products_ms", products},
          {"order_conversions_ms", work.order_conversions_ms},
          {"optimizer_kernels", work.optimizer_kernels},
          {"optimizer_ms", work.optimizer_ms},
          {"pageable_to_device", copies_json(work.pageable_to_device)},
          {"pinned_to_device", copies_json(work.pinned_to_device)},
          {"synchronisations", work.sync_calls()},
          {"collectives_ms", work.collectives_ms}};
}

}  // namespace

Json finding_json(const ProgramFinding& found, Language language) {
  Json changes = Json::array();
  for (const CodeChange& change : found.changes) changes.push_back(change_json(change));
  return {{"key", found.finding.key},
          {"headline", found.finding.headline.in(language)},
          {"numbers", found.finding.numbers.in(language)},
          {"rule", found.finding.rule.in(language)},
          {"confidence", found.finding.confidence},
          {"next_step", found.finding.next_step.in(language)},
          {"give_back_ms", found.give_back_ms},
          {"share_percent", found.share},
          {"changes", changes}};
}

Json judged_json(const JudgedProcess& judged, Language language) {
  Json json = observation_json(judged.seen);
  json["shares"] = judged.shares ? shares_json(*judged.shares) : Json();
  json["no_shares"] = text_json(judged.no_shares, language);
  json["work"] = judged.work ? work_json(*judged.work) : Json();
  json["arithmetic"] = arithmetic_json(judged);
  Json findings = Json::array();
  for (const ProgramFinding& found : judged.findings) findings.push_back(finding_json(found, language));
  json["findings"] = std::move(findings);
  json["no_finding"] = text_json(judged.no_finding, language);
  return json;
}

Json silent_json(const std::vector<SilentProcess>& silent, Language language) {
  Json list = Json::array();
  for (const SilentProcess& one : silent) {
    list.push_back({{"pid", one.pid},
                    {"rank", one.rank},
                    {"phase", one.phase.empty() ? Json() : Json(one.phase)},
                    {"reason", one.reason.in(language)}});
  }
  return list;
}

}  // namespace wring

#include "wring/report/tuning/json.h"

#include <nlohmann/json.hpp>

#include "wring/base/json.h"
#include "wring/base/json_text.h"
#include "wring/findings/attainable.h"
#include "wring/report/json_parts.h"
#include "wring/report/tuning/measured.h"
#include "wring/report/tuning/run_time.h"
#include "wring/report/tuning/words.h"
#include "wring/trial/result_json.h"

namespace wring {
namespace {

using Json = nlohmann::ordered_json;

Json set_json(const std::vector<Assignment>& assignments) {
  Json set = Json::object();
  for (const Assignment& assignment : assignments) set[assignment.key] = value_json(assignment.value);
  return set;
}

Json verdict_json(const Finding& verdict, Language language) {
  return {{"key", verdict.key},
          {"headline", verdict.headline.in(language)},
          {"numbers", verdict.numbers.in(language)},
          {"rule", verdict.rule.in(language)},
          {"confidence", verdict.confidence},
          {"next_step", verdict.next_step.in(language)},
          {"fix", set_json(verdict.fix)}};
}

Json trial_json(const RecordedTrial& trial) {
  Json json = {{"purpose", trial.purpose},
               {"batch_size", trial.batch_size},
               {"set", set_json(trial.request.set)},
               {"data", data_key(trial.request.measure.data)},
               {"reused", trial.result.reused}};
  json.update(result_json(trial.result, TrialForm::record));
  // Of what the card's arithmetic units attain.
  const std::optional<Attainable> found = attainable(trial.result);
  json["arithmetic"]["share_percent"] = found ? Json(found->share_percent) : Json();
  return json;
}

Json compared_json(const TuningRecord& record, const std::optional<Measured>& measured) {
  if (!measured) return nullptr;
  const RecordedTrial& trial = record.trials[measured->shown];
  Json set = Json::object();
  for (const auto& [key, value] : settings_of(trial.request, record.batch_key)) set[key] = value_json(value);
  return {{"batch_size", trial.batch_size},
          {"set", set},
          {"samples_per_s", or_null(measured->samples_per_s)},
          {"spread", measured->spread},
          {"peak_mib", or_null(measured->peak_mib)},
          {"trials", measured->trials}};
}

Json line_json(const std::optional<Line>& line) {
  if (!line) return nullptr;
  return {{"intercept", line->intercept},
          {"slope", line->slope},
          {"residual", line->residual},
          {"from_batch", line->from},
          {"to_batch", line->to}};
}

Json target_json(const std::optional<UtilisationTarget>& target, Language language) {
  if (!target) return nullptr;
  return {{"wanted", target->wanted},
          {"reached", or_null(target->reached)},
          {"met", or_null(target->met)},
          {"text", target->text.empty() ? Json() : Json(target->text.in(language))}};
}

Json timed_run_json(const RunLength& run, const std::optional<double>& hours) {
  Json json = run_json(run);
  json["hours"] = or_null(hours);
  return json;
}

Json texts_json(const std::vector<Text>& texts, Language language) {
  Json json = Json::array();
  for (const Text& text : texts) json.push_back(text.in(language));
  return json;
}

}  // namespace

std::string tuning_json(const TuningRecord& record, Language language, int indent) {
  Json machine = Json::object();
  for (const auto& [name, value] : record.machine) machine[name.en] = value;
  Json json = {{"schema", 1},
               {"program", record.program},
               {"version", record.version},
               {"started", record.started},
               {"command", record.command},
               {"config", record.config.string()},
               {"output", record.output.string()},
               {"written", record.written},
               {"interrupted", record.interrupted},
               {"seconds", record.seconds},
               {"machine", machine}};
  const RecordedTrial* after = record.after_trial();
  json["chosen_batch_size"] = after != nullptr ? Json(after->batch_size) : Json();
  const std::optional<Measured> old_one = measured_before(record), new_one = measured_after(record);
  json["before"] = compared_json(record, old_one);
  json["chosen"] = compared_json(record, new_one);
  json["before_trial"] = old_one ? Json(old_one->shown) : Json();
  json["chosen_trial"] = new_one ? Json(new_one->shown) : Json();
  json["speed_up"] = or_null(speed_up(record));
  json["disturbed"] = or_null(record.disturbed);
  json["reason"] = record.reason.empty() ? Json() : Json(record.reason.in(language));
  json["changes"] = Json::array();
  for (const Change& change : record.changes) json["changes"].push_back(change_json(change, language));
  json["run"] = nullptr;
  if (record.run) {
    json["run"] = {{"before", timed_run_json(record.run->before, run_hours_before(record))},
                   {"after", timed_run_json(record.run->after, run_hours_after(record))}};
  }
  json["headroom_mib"] = or_null(record.headroom_mib);
  json["predicted_peak_mib"] = or_null(record.predicted_peak_mib);
  json["next_failed_batch_size"] = or_null(record.next_failed);
  json["target_gpu_util"] = target_json(record.utilisation, language);
  json["memory_line_mib"] = line_json(record.memory_mib);
  json["step_line_ms"] = line_json(record.step_ms);
  json["verdicts"] = Json::array();
  for (const Finding& verdict : record.verdicts) json["verdicts"].push_back(verdict_json(verdict, language));
  json["notes"] = texts_json(record.notes, language);
  json["next_command"] = record.next_command.empty() ? Json() : Json(record.next_command);
  json["trials"] = Json::array();
  for (const RecordedTrial& trial : record.trials) json["trials"].push_back(trial_json(trial));
  // A path or a program's words need not be UTF-8; odd bytes are replaced rather than the record lost.
  return json_text(json, indent);
}

}  // namespace wring

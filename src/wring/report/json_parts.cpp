#include "wring/report/json_parts.h"

namespace wring {
namespace {

using Json = nlohmann::ordered_json;

const char* name_of(Effect effect) {
  switch (effect) {
    case Effect::model:
      return "model";
    case Effect::optimisation:
      return "optimisation";
    case Effect::speed:
    case Effect::none:
      break;
  }
  return "speed";
}

}  // namespace

Json value_json(const std::string& yaml) {
  const Json parsed = Json::parse(yaml, nullptr, false);
  return parsed.is_number() || parsed.is_boolean() || parsed.is_null() ? parsed : Json(yaml);
}

Json change_json(const Change& change, Language language) {
  return {{"key", change.key},
          {"old", value_json(change.old_value)},
          {"old_is_default", change.old_is_default},
          {"new", value_json(change.new_value)},
          {"reason", change.reason.in(language)},
          {"effect", name_of(change.effect)},
          {"rule", change.rule}};
}

Json run_json(const RunLength& run) {
  return {{"total_iters", run.total_iters},
          {"samples_per_step", run.samples_per_step},
          {"samples", run.samples()},
          {"pixels", run.pixels()}};
}

}  // namespace wring

#include "wring/trial/protocol.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "wring/base/json_text.h"
#include "wring/base/parse.h"
#include "wring/config/values.h"
#include "wring/trial/json_fields.h"
#include "wring/trial/result_json.h"

namespace wring {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::int64_t kLargestId = std::numeric_limits<std::int64_t>::max();

// YAML text as a JSON value: bare where the same text comes back from it, else a string.
Json to_json(const std::string& text) {
  if (text == "true" || text == "false") return text == "true";
  const auto whole = parse_number<std::int64_t>(text);
  if (whole && fmt::to_string(*whole) == text) return *whole;
  const auto real = parse_number<double>(text);
  if (real && std::isfinite(*real) && number_text(*real) == text) return *real;
  return text;
}

std::string to_yaml_text(const JsonFields& set, const std::string& key, const nlohmann::json& value) {
  if (value.is_boolean()) return value.get<bool>() ? "true" : "false";
  if (value.is_number_unsigned()) return fmt::to_string(value.get<std::uint64_t>());
  if (value.is_number_integer()) return fmt::to_string(value.get<std::int64_t>());
  if (value.is_number()) return number_text(value.get<double>());
  const auto* text = value.get_ptr<const std::string*>();
  const auto is_control = [](unsigned char c) { return c < 0x20 || c == 0x7F; };
  if (text == nullptr || std::ranges::any_of(*text, is_control)) {
    set.wrong(key, "a number, true, false or a text of one line", "数字、true、false 或单行文本");
  }
  return *text;
}

std::string line_of(const Json& json) {
  return json_text(json);
}

std::int64_t checked_id(const JsonFields& fields) {
  const auto version = fields.integer("v", 0, kLargestId);
  if (!version) fields.missing("v");
  if (*version != kTrialProtocol) {
    fields.wrong("v", fmt::format("version {} of the protocol", kTrialProtocol),
                 fmt::format("协议版本 {}", kTrialProtocol));
  }
  const auto id = fields.integer("id", 0, kLargestId);
  if (!id) fields.missing("id");
  return *id;
}

}  // namespace

std::string request_line(const NumberedRequest& numbered) {
  Json set = Json::object();
  for (const Assignment& assignment : numbered.request.set) set[assignment.key] = to_json(assignment.value);
  return line_of({{"v", kTrialProtocol},
                  {"id", numbered.id},
                  {"set", std::move(set)},
                  {"measure", measure_json(numbered.request.measure)}});
}

std::string event_line(const TrialEvent& event) {
  Json json{{"v", kTrialProtocol}, {"id", event.id}, {"event", event.done ? "done" : "phase"}};
  if (event.done) {
    json.update(result_json(*event.done, TrialForm::line));
  } else {
    json["phase"] = event.phase;
  }
  return line_of(json);
}

NumberedRequest parse_request(std::string_view line) {
  const nlohmann::json json = parse_json_line(line);
  const JsonFields fields(json);
  NumberedRequest numbered;
  numbered.id = checked_id(fields);
  if (const auto set = fields.object("set")) {
    for (const auto& [key, value] : set->json().items()) {
      numbered.request.set.push_back({key, to_yaml_text(*set, key, value)});
    }
  }
  if (const auto measure = fields.object("measure")) numbered.request.measure = read_measure(*measure);
  return numbered;
}

std::optional<TrialEvent> parse_event(std::string_view line) {
  const std::size_t begin = line.find_first_not_of(" \t\r");
  const auto holds = [&](std::string_view field) { return line.find(field) != std::string_view::npos; };
  // What has these two is ours even where the rest is broken: better a clear error than a trial that seems to hang.
  if (begin == std::string_view::npos || line[begin] != '{' || !holds("\"v\"") || !holds("\"event\"")) {
    return std::nullopt;
  }
  const nlohmann::json json = parse_json_line(line);
  const JsonFields fields(json);
  if (!json.contains("v") || !json.contains("event")) return std::nullopt;
  TrialEvent event;
  event.id = checked_id(fields);
  const std::optional<std::string> kind = fields.text("event");
  if (kind == "done") {
    event.done = read_result(fields, TrialForm::line);
  } else if (kind == "phase") {
    event.phase = fields.text("phase").value_or("");
    if (event.phase.empty()) fields.missing("phase");
  } else {
    fields.wrong("event", "phase or done", " phase 或 done");
  }
  return event;
}

}  // namespace wring

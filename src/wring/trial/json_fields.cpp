#include "wring/trial/json_fields.h"

#include <cmath>

#include <fmt/format.h>

#include "wring/base/error.h"
#include "wring/config/values.h"

namespace wring {
namespace {

using Json = nlohmann::json;

constexpr int kDeepest = 8;

const char* const kCureEn = "docs/trial_protocol.md shows every line of the trial protocol";
const char* const kCureZh = "docs/trial_protocol.md 列出了试运行协议的每一种行";

[[noreturn]] void refuse(const std::string& en, const std::string& zh, const Text& subject) {
  throw Error(ErrorCode::failed, {"{}: {}", "{}：{}", subject, Text(en, zh)}, {kCureEn, kCureZh});
}

// Enough of the value to find it, whatever it is.
std::string shown(const Json& value) {
  constexpr std::size_t kLongest = 60;
  if (value.is_structured()) return value.is_array() ? "[…]" : "{…}";
  std::string text = value.dump(-1, ' ', true, Json::error_handler_t::replace);  // ASCII: may be cut anywhere
  if (text.size() > kLongest) text = text.substr(0, kLongest) + "…";
  return text;
}

}  // namespace

Json parse_json_line(std::string_view line, const Text& subject) {
  if (line.size() > kLongestJsonLineBytes) refuse("a line of more than 1 MiB", "一行超过 1 MiB", subject);
  const auto check_depth = [&](int depth, Json::parse_event_t, Json&) {
    if (depth > kDeepest) refuse("a line nested too deep", "嵌套过深的行", subject);
    return true;
  };
  Json json = Json::parse(line, check_depth, /*allow_exceptions=*/false);
  if (json.is_discarded()) {
    refuse("a line that is not JSON (NaN and infinities are none)", "不是 JSON 的行（NaN 与无穷大不是 JSON）", subject);
  }
  if (!json.is_object()) refuse("a line that is not a JSON object", "不是 JSON 对象的行", subject);
  return json;
}

const Json* JsonFields::find(const char* name) const {
  const auto found = object_.find(name);
  return found == object_.end() || found->is_null() ? nullptr : &*found;
}

void JsonFields::missing(const char* name) const {
  refuse(fmt::format("\"{}{}\" is missing", prefix_, name), fmt::format("缺少 \"{}{}\"", prefix_, name), subject_);
}

void JsonFields::wrong(const std::string& name, const std::string& wanted_en, const std::string& wanted_zh) const {
  const auto found = object_.find(name);
  const std::string value = found == object_.end() ? "null" : shown(*found);
  refuse(fmt::format("\"{}{}\" is {}, not {}", prefix_, name, value, wanted_en),
         fmt::format("\"{}{}\" 是 {}，而不是{}", prefix_, name, value, wanted_zh), subject_);
}

std::optional<double> JsonFields::number(const char* name, double low, double high) const {
  const Json* value = find(name);
  if (value == nullptr) return std::nullopt;
  const double number = value->is_number() ? value->get<double>() : std::nan("");
  if (!(number >= low && number <= high)) {
    wrong(name, fmt::format("a number from {} to {}", bound_text(low), bound_text(high)),
          fmt::format("{} 到 {} 的数字", bound_text(low), bound_text(high)));
  }
  return number;
}

std::optional<std::int64_t> JsonFields::integer(const char* name, std::int64_t low, std::int64_t high) const {
  const Json* value = find(name);
  if (value == nullptr) return std::nullopt;
  // JSON holds whole numbers up to 2^64.
  const bool fits = value->is_number_unsigned() ? value->get<std::uint64_t>() <= static_cast<std::uint64_t>(high)
                                                : value->is_number_integer();
  const std::int64_t number = fits ? value->get<std::int64_t>() : 0;
  if (!fits || number < low || number > high) {
    wrong(name, fmt::format("a whole number from {} to {}", low, high), fmt::format("{} 到 {} 的整数", low, high));
  }
  return number;
}

std::optional<std::string> JsonFields::text(const char* name) const {
  const Json* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_string()) wrong(name, "a text", "文本");
  return value->get<std::string>();
}

std::optional<bool> JsonFields::flag(const char* name) const {
  const Json* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_boolean()) wrong(name, "true or false", " true 或 false");
  return value->get<bool>();
}

std::optional<JsonFields> JsonFields::object(const char* name) const {
  const Json* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_object()) wrong(name, "an object", "对象");
  return part(*value, fmt::format("{}{}.", prefix_, name));
}

}  // namespace wring

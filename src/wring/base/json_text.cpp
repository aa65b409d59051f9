#include "wring/base/json_text.h"

#include <cstdint>
#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "wring/base/display_text.h"

namespace wring {
namespace {

// Whether the text begins with \x{HH}, in lower case, as a byte is written.
bool begins_with_escape(std::string_view text) {
  constexpr std::size_t kBytes = 6;
  return text.size() >= kBytes && text.starts_with("\\x{") && text[kBytes - 1] == '}' &&
         text.substr(3, 2).find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::string string_of_bytes(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size());
  while (!bytes.empty()) {
    const Character character = first_character(bytes);
    if (!is_utf8(character) || begins_with_escape(bytes)) {
      text += fmt::format("\\x{{{:02x}}}", static_cast<std::uint32_t>(character.code));
    } else {
      text += bytes.substr(0, character.bytes);
    }
    bytes.remove_prefix(character.bytes);
  }
  return text;
}

template <typename Json>
Json of_utf8(const Json& value) {
  if (const auto* text = value.template get_ptr<const std::string*>()) return string_of_bytes(*text);
  if (!value.is_structured()) return value;
  Json clean = value.is_object() ? Json::object() : Json::array();
  for (auto item = value.begin(); item != value.end(); ++item) {
    if (value.is_object()) {
      clean[string_of_bytes(item.key())] = of_utf8(*item);
    } else {
      clean.push_back(of_utf8(*item));
    }
  }
  return clean;
}

// dump() has escaped what is below a blank; the other control characters stand inside strings, as they were.
std::string with_escaped_controls(std::string_view json) {
  std::string clean;
  clean.reserve(json.size());
  while (!json.empty()) {
    const Character character = first_character(json);
    if (is_control(character) && character.code >= 0x20) {
      clean += fmt::format("\\u{:04x}", static_cast<std::uint32_t>(character.code));
    } else {
      clean += json.substr(0, character.bytes);
    }
    json.remove_prefix(character.bytes);
  }
  return clean;
}

}  // namespace

std::string json_text(const nlohmann::json& value, int indent) {
  return with_escaped_controls(of_utf8(value).dump(indent));
}

std::string json_text(const nlohmann::ordered_json& value, int indent) {
  return with_escaped_controls(of_utf8(value).dump(indent));
}

}  // namespace wring

#pragma once
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "wring/base/text.h"

namespace wring {

// The longest line that is read as JSON.
inline constexpr std::size_t kLongestJsonLineBytes = 1 << 20;

// The JSON object on one line. Throws Error{failed}: longer than 1 MiB, not JSON, nested deeper than 8, not an object.
// `subject`: what the line is part of, for errors.
nlohmann::json parse_json_line(std::string_view line, const Text& subject = {"trial protocol", "试运行协议"});

// The fields of one object, read with checks. Each is absent where it is not there or null, and throws Error{failed}
// naming the field where it has another type or is out of range. The object must outlive it.
class JsonFields {
 public:
  explicit JsonFields(const nlohmann::json& object, std::string prefix = "",
                      Text subject = {"trial protocol", "试运行协议"})
      : object_(object), prefix_(std::move(prefix)), subject_(std::move(subject)) {}

  std::optional<double> number(const char* name, double low, double high) const;
  std::optional<std::int64_t> integer(const char* name, std::int64_t low, std::int64_t high) const;
  std::optional<std::string> text(const char* name) const;
  std::optional<bool> flag(const char* name) const;
  std::optional<JsonFields> object(const char* name) const;
  // An object inside of this one, by the name that errors give its fields: "kernels.".
  JsonFields part(const nlohmann::json& object, std::string prefix) const {
    return JsonFields(object, std::move(prefix), subject_);
  }

  // The field's own JSON, of an object alone.
  const nlohmann::json& json() const { return object_; }

  [[noreturn]] void missing(const char* name) const;
  [[noreturn]] void wrong(const std::string& name, const std::string& wanted_en, const std::string& wanted_zh) const;

 private:
  const nlohmann::json* find(const char* name) const;

  const nlohmann::json& object_;
  std::string prefix_;  // "measure." of the fields in measure
  Text subject_;        // what the object is part of, for errors
};

}  // namespace wring

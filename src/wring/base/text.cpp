#include "wring/base/text.h"

#include <cstdlib>

#include "wring/base/error.h"

namespace wring {

Language language_from_environment() {
  for (const char* variable : {"LC_ALL", "LC_MESSAGES", "LANG"}) {
    const char* value = std::getenv(variable);
    if (value != nullptr && *value != '\0') {
      return std::string_view(value).starts_with("zh") ? Language::zh : Language::en;
    }
  }
  return Language::en;
}

Language parse_language(std::string_view name) {
  if (name == "en") return Language::en;
  if (name == "zh") return Language::zh;
  throw Error(ErrorCode::usage, "unknown language '" + std::string(name) + "'", "use --lang en or --lang zh");
}

}  // namespace wring

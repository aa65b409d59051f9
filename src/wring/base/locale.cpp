#include "wring/base/locale.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>

#include "wring/base/display_text.h"
#include "wring/base/error.h"

namespace wring {

std::string_view deciding_locale(const char* category) {
  for (const char* variable : {"LC_ALL", category, "LANG"}) {
    const char* value = std::getenv(variable);
    if (value != nullptr && *value != '\0') return value;
  }
  return "";
}

bool locale_is_utf8() {
  std::string name(deciding_locale("LC_CTYPE"));
  std::ranges::transform(name, name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return name.find("utf-8") != std::string::npos || name.find("utf8") != std::string::npos;
}

Language shown_language(Language asked) {
  return deciding_locale("LC_CTYPE").starts_with("zh") && !locale_is_utf8() ? Language::en : asked;
}

Language language_from_environment() {
  return deciding_locale("LC_MESSAGES").starts_with("zh") && locale_is_utf8() ? Language::zh : Language::en;
}

Language parse_language(std::string_view name) {
  if (name == "en") return Language::en;
  if (name == "zh") return Language::zh;
  throw Error(ErrorCode::usage, "unknown language '" + std::string(name) + "'", "use --lang en or --lang zh");
}

std::string for_locale(std::string_view text) {
  return locale_is_utf8() ? std::string(text) : to_ascii(text);
}

}  // namespace wring

#include "wring/base/locale.h"

#include <algorithm>
#include <cctype>
#include <initializer_list>

#include "wring/base/display_text.h"
#include "wring/base/error.h"

namespace wring {

DecidingLocale deciding_locale(VariableName category) {
  for (const VariableName variable : std::initializer_list<VariableName>{"LC_ALL", category, "LANG"}) {
    const std::string_view value = environment(variable).value_or("");
    if (!value.empty()) return {variable.text(), value};
  }
  return {};
}

bool locale_is_utf8() {
  std::string name(deciding_locale("LC_CTYPE").name);
  std::ranges::transform(name, name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return name.find("utf-8") != std::string::npos || name.find("utf8") != std::string::npos;
}

Language shown_language(Language asked) {
  return deciding_locale("LC_CTYPE").name.starts_with("zh") && !locale_is_utf8() ? Language::en : asked;
}

Language language_from_environment() {
  return deciding_locale("LC_MESSAGES").name.starts_with("zh") && locale_is_utf8() ? Language::zh : Language::en;
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

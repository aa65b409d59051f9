#include "wring/base/text.h"

#include "wring/base/display_text.h"
#include "wring/base/error.h"

namespace wring {

Language language_from_environment() {
  return deciding_locale("LC_MESSAGES").starts_with("zh") && locale_is_utf8() ? Language::zh : Language::en;
}

Language parse_language(std::string_view name) {
  if (name == "en") return Language::en;
  if (name == "zh") return Language::zh;
  throw Error(ErrorCode::usage, "unknown language '" + std::string(name) + "'", "use --lang en or --lang zh");
}

}  // namespace wring

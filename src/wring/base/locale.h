#pragma once
#include <string>
#include <string_view>

#include "wring/base/environment.h"
#include "wring/base/text.h"

namespace wring {

// A locale, and the variable that names it. Both are empty where none is set.
struct DecidingLocale {
  std::string_view variable;
  std::string_view name;
};

// The locale of a category ("LC_CTYPE"): the first of LC_ALL, the category and LANG that is set, as setlocale has it.
DecidingLocale deciding_locale(VariableName category);

// Whether the locale of LC_CTYPE names UTF-8. A name without an encoding does not: the C library reads zh_CN as GB2312
// and zh_TW as Big5.
bool locale_is_utf8();

// The language for messages where this one was asked for. All that is written is UTF-8 or ASCII, and Chinese in UTF-8
// cannot be read on a terminal in GBK: in a Chinese locale that is not UTF-8 it gives way to English. In others who
// asks for it reads UTF-8, whatever a bare container's locale says.
Language shown_language(Language asked);

// zh where LC_ALL, LC_MESSAGES or LANG (the first one set) begins with "zh" and the locale is UTF-8, else en.
Language language_from_environment();

// "en" or "zh"; throws Error{usage} for anything else.
Language parse_language(std::string_view name);

// A message as this locale can show it: unchanged in UTF-8, else by to_ascii.
std::string for_locale(std::string_view text);

}  // namespace wring

#include "wring/report/html_text.h"

#include "wring/base/display_text.h"

namespace wring {
namespace {

constexpr std::string_view replacement = "\xef\xbf\xbd";  // U+FFFD

std::string_view escaped(char sign) {
  switch (sign) {
    case '&':
      return "&amp;";
    case '<':
      return "&lt;";
    case '>':
      return "&gt;";
    case '"':
      return "&quot;";
    case '\'':
      return "&#39;";
    default:
      return {};
  }
}

// first_character() lets such a byte stand for itself.
bool is_stray_byte(std::string_view text, const Character& character) {
  return character.bytes == 1 && static_cast<unsigned char>(text.front()) >= 0x80;
}

}  // namespace

std::string html_text(std::string_view text) {
  std::string out;
  out.reserve(text.size() + text.size() / 8);
  while (!text.empty()) {
    const Character character = first_character(text);
    const char sign = text.front();
    const bool control =
        character.bytes == 1 && (static_cast<unsigned char>(sign) < 0x20 || sign == 0x7f) && sign != '\n';
    if (control || is_stray_byte(text, character)) {
      out += replacement;
    } else if (const std::string_view entity = escaped(sign); character.bytes == 1 && !entity.empty()) {
      out += entity;
    } else {
      out += text.substr(0, character.bytes);
    }
    text.remove_prefix(character.bytes);
  }
  return out;
}

}  // namespace wring

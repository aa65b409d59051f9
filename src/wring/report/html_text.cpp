#include "wring/report/html_text.h"

#include "wring/base/display_text.h"

namespace wring {
namespace {

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

}  // namespace

std::string html_text(std::string_view text) {
  std::string out;
  out.reserve(text.size() + text.size() / 8);
  for (const char sign : lines_without_controls(text)) {
    const std::string_view entity = escaped(sign);
    entity.empty() ? out.push_back(sign) : void(out.append(entity));
  }
  return out;
}

}  // namespace wring

#pragma once
#include <string>

#include "wring/base/display_text.h"
#include "wring/base/text.h"
#include "wring/console/text_table.h"
#include "wring/monitor/write/tick_format.h"

namespace wring {

// Lines of a report in the user's language, as the terminal can show them.
class ReportLines {
 public:
  explicit ReportLines(TextStyle style) : style_(style) {}

  void add(const Text& text) { add(text.in(style_.language)); }
  void add(const std::string& text) { text_ += shown(text) + '\n'; }
  void add_table(const TextTable& table) { text_ += style_.utf8 ? table.text() : to_ascii(table.text()); }
  void gap() {
    if (!text_.empty()) text_ += '\n';
  }
  std::string shown(const std::string& text) const {
    const std::string clean = without_controls(text);
    return style_.utf8 ? clean : to_ascii(clean);
  }
  const std::string& text() const { return text_; }

 private:
  TextStyle style_;
  std::string text_;
};

}  // namespace wring

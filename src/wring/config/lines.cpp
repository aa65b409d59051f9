#include "wring/config/lines.h"

#include <algorithm>

namespace wring {
namespace {

bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

bool is_space(char c) {
  return is_blank(c) || c == '\n' || c == '\r';
}

// Reads the text line by line; every line either begins an entry of the top level or belongs to the last one.
class Locator {
 public:
  explicit Locator(std::string_view text) : text_(text) {}

  LocatedDocument run() {
    const std::size_t first_break = text_.find('\n');
    if (first_break != std::string_view::npos && first_break > 0 && text_[first_break - 1] == '\r') {
      document_.line_end = "\r\n";
    }
    document_.append_at = text_.size();
    if (text_.starts_with("\xEF\xBB\xBF")) at_ = 3;  // a byte order mark
    while (at_ < text_.size() && !ended_) {
      ++line_;
      read_line();
    }
    return std::move(document_);
  }

 private:
  // The end of the line at `from`, without its line break.
  std::size_t line_end(std::size_t from) const {
    const std::size_t found = std::min(text_.find('\n', from), text_.size());
    return found > from && text_[found - 1] == '\r' ? found - 1 : found;
  }

  void go_to_next_line() { at_ = std::min(text_.find('\n', at_), text_.size() - 1) + 1; }

  bool is_marker(std::string_view marker) const {
    if (!text_.substr(at_).starts_with(marker)) return false;
    const std::size_t after = at_ + marker.size();
    return after == text_.size() || is_space(text_[after]);
  }

  void read_line() {
    const std::size_t end = line_end(at_);
    const std::size_t content = std::min(text_.find_first_not_of(" \t", at_), end);
    const std::size_t indent = content - at_;
    if (content != end) note_tab(at_, content);
    if (is_marker("...")) {
      document_.append_at = at_;
      ended_ = true;
    } else if (is_marker("---")) {
      const std::size_t rest = skip_blanks(at_ + 3, end);
      document_.editable = rest == end || text_[rest] == '#';
      go_to_next_line();
    } else if (content == end || text_[content] == '#' || (!indent_known_ && text_[at_] == '%')) {
      go_to_next_line();
    } else if ((indent_known_ && indent > document_.indent.size()) ||
               (!document_.values.empty() && is_list_item(content))) {
      continue_value();
    } else {
      document_.indent = std::string(text_.substr(at_, indent));
      indent_known_ = true;
      begin_entry(content, end);
    }
  }

  void note_tab(std::size_t begin, std::size_t content) {
    if (document_.tab_line == 0 && text_.substr(begin, content - begin).find('\t') != std::string_view::npos) {
      document_.tab_line = line_;
    }
  }

  bool is_list_item(std::size_t content) const {
    return text_[content] == '-' && (content + 1 == text_.size() || is_space(text_[content + 1]));
  }

  // A line that is indented further, or a list item: part of the last value.
  void continue_value() {
    if (!document_.values.empty()) {
      LocatedValue& last = document_.values.back();
      const bool empty = last.begin == last.end;
      if (last.form == ValueForm::plain) last.form = empty ? ValueForm::nested : ValueForm::multi_line;
    }
    go_to_next_line();
  }

  void begin_entry(std::size_t content, std::size_t end) {
    LocatedValue value;
    value.line = line_;
    std::size_t i = content;
    const Properties properties = skip_properties(i, end);
    const bool other_style = i >= end || std::string_view("{[?*").find(text_[i]) != std::string_view::npos;
    if (other_style || !read_key(i, end, value.key)) {
      if (!other_style) document_.stray_line = line_;
      document_.editable = false;
      ended_ = true;
      return;
    }
    i = skip_blanks(i + 1, end);  // past the colon
    read_value(i, end, value);
    if (properties.anchor || properties.tag) value.form = ValueForm::decorated;
    document_.values.push_back(std::move(value));
  }

  // What stands before a key or a value: anchors (&name) and tags (!name).
  struct Properties {
    bool anchor = false;
    bool tag = false;
  };
  Properties skip_properties(std::size_t& i, std::size_t end) const {
    Properties found;
    while (i < end && (text_[i] == '&' || text_[i] == '!')) {
      (text_[i] == '&' ? found.anchor : found.tag) = true;
      while (i < end && !is_blank(text_[i])) ++i;
      i = skip_blanks(i, end);
    }
    return found;
  }

  std::size_t skip_blanks(std::size_t i, std::size_t end) const {
    while (i < end && is_blank(text_[i])) ++i;
    return std::min(i, end);
  }

  // Leaves `i` at the colon.
  bool read_key(std::size_t& i, std::size_t end, std::string& key) const {
    if (text_[i] == '"' || text_[i] == '\'') {
      const std::size_t close = closing_quote(i);
      if (close >= end) return false;
      key = std::string(text_.substr(i + 1, close - i - 1));  // known keys need no escapes
      i = skip_blanks(close + 1, end);
      return i < end && text_[i] == ':';
    }
    std::size_t colon = i;
    while (colon < end && !(text_[colon] == ':' && (colon + 1 == end || is_blank(text_[colon + 1])))) ++colon;
    if (colon == end) return false;
    std::size_t last = colon;
    while (last > i && is_blank(text_[last - 1])) --last;
    key = std::string(text_.substr(i, last - i));
    i = colon;
    return true;
  }

  // The offset of the quote that closes the one at `open`; text_.size() when there is none.
  std::size_t closing_quote(std::size_t open) const {
    const char quote = text_[open];
    for (std::size_t i = open + 1; i < text_.size(); ++i) {
      if (quote == '"' && text_[i] == '\\') {
        ++i;
      } else if (text_[i] == quote) {
        if (quote == '"' || i + 1 >= text_.size() || text_[i + 1] != '\'') return i;
        ++i;  // '' stands for one quote
      }
    }
    return text_.size();
  }

  // A tag before a value on one line says nothing that the value does not: both are replaced together.
  void read_value(std::size_t i, std::size_t end, LocatedValue& value) {
    value.begin = value.end = i;
    const Properties properties = skip_properties(i, end);
    const bool reference = properties.anchor || (i < end && text_[i] == '*');
    const char first = i < end ? text_[i] : '#';
    if (first == '|' || first == '>') {
      value.form = ValueForm::block;
      skip_block();
    } else if (first == '"' || first == '\'') {
      const std::size_t close = closing_quote(i);
      value.closed = close < text_.size();
      value.form = close < end ? ValueForm::quoted : ValueForm::multi_line;
      value.end = std::min(close + 1, text_.size());
      go_past(value.end);
    } else if (first == '[' || first == '{') {
      const std::size_t close = closing_bracket(i);
      value.closed = close < text_.size();
      value.form = ValueForm::flow;
      value.end = std::min(close + 1, text_.size());
      go_past(value.end);
    } else {
      value.end = plain_end(value.begin, end);
      if (value.begin == value.end) value.begin = value.end = after_colon(i);
      go_to_next_line();
    }
    const bool one_line = value.form == ValueForm::plain || value.form == ValueForm::quoted;
    if (reference || (properties.tag && !one_line)) value.form = ValueForm::decorated;
  }

  // Where an empty value is filled in: right after the colon, so that a comment keeps its place.
  std::size_t after_colon(std::size_t i) const {
    while (is_blank(text_[i - 1])) --i;
    return i;
  }

  // A plain scalar ends at " #" or at the end of the line, without the blanks before.
  std::size_t plain_end(std::size_t begin, std::size_t end) const {
    std::size_t i = begin;
    while (i < end && !(text_[i] == '#' && is_blank(text_[i - 1]))) ++i;
    while (i > begin && is_blank(text_[i - 1])) --i;
    return i;
  }

  // The offset of the bracket that closes the one at `i`; text_.size() when there is none.
  std::size_t closing_bracket(std::size_t i) const {
    int depth = 0;
    bool comment_may_begin = true;
    for (; i < text_.size(); ++i) {
      const char c = text_[i];
      if (c == '#' && comment_may_begin) {
        i = std::min(text_.find('\n', i), text_.size());
        continue;
      }
      const bool after_quoted_key = text_[i - 1] == ':' && (text_[i - 2] == '"' || text_[i - 2] == '\'');
      const bool word_begins =
          comment_may_begin || text_[i - 1] == ',' || text_[i - 1] == '[' || text_[i - 1] == '{' || after_quoted_key;
      if ((c == '"' || c == '\'') && word_begins) i = closing_quote(i);
      if (c == '[' || c == '{') ++depth;
      if ((c == ']' || c == '}') && --depth == 0) return i;
      comment_may_begin = is_space(c);
    }
    return text_.size();
  }

  // The lines of a block scalar: blank, or indented further than the keys. What stands in them is text, also
  // when it looks like a comment.
  void skip_block() {
    go_to_next_line();
    while (at_ < text_.size()) {
      const std::size_t end = line_end(at_);
      const std::size_t content = std::min(text_.find_first_not_of(' ', at_), end);
      if (content != end && content - at_ <= document_.indent.size()) return;
      ++line_;
      go_to_next_line();
    }
  }

  // Continues after the line that holds the byte before `offset`.
  void go_past(std::size_t offset) {
    line_ += static_cast<int>(std::count(text_.begin() + static_cast<std::ptrdiff_t>(at_),
                                         text_.begin() + static_cast<std::ptrdiff_t>(offset), '\n'));
    at_ = offset;
    if (at_ < text_.size()) go_to_next_line();
  }

  std::string_view text_;
  LocatedDocument document_;
  std::size_t at_ = 0;
  int line_ = 0;
  bool indent_known_ = false;
  bool ended_ = false;
};

}  // namespace

LocatedDocument locate_values(std::string_view text) {
  return Locator(text).run();
}

}  // namespace wring

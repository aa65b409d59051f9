#include "wring/config/slips.h"

#include <algorithm>
#include <cctype>

#include <fmt/format.h>
#include <yaml-cpp/exceptions.h>

#include "wring/base/display_text.h"
#include "wring/config/keys.h"
#include "wring/config/lines.h"
#include "wring/config/lookalikes.h"

namespace wring {
namespace {

constexpr int kShownColumns = 50;

std::string_view line_of(std::string_view text, int line) {
  std::size_t begin = 0;
  for (; line > 1 && begin < text.size(); --line) begin = std::min(text.find('\n', begin), text.size() - 1) + 1;
  std::string_view found = text.substr(begin, std::min(text.find('\n', begin), text.size()) - begin);
  if (found.ends_with('\r')) found.remove_suffix(1);
  return found;
}

bool is_key_character(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-' || c == '.';
}

// Of the blank that the text begins with, lookalikes included; 0: none.
std::size_t blank_bytes(std::string_view text) {
  if (text.starts_with(' ') || text.starts_with('\t')) return 1;
  const auto look = leading_lookalike(text);
  return look && look->ascii == ' ' ? look->bytes : 0;
}

// The word that a line begins with, lookalikes of its letters included, and what follows it.
struct Head {
  std::string key;
  std::string_view rest;
  bool blank = false;  // between the two
};

Head head_of(std::string_view line) {
  Head head;
  while (!line.empty()) {
    const auto look = leading_lookalike(line);
    const char c = look ? look->ascii : line[0];
    const bool leading_blank = head.key.empty() && (c == ' ' || c == '\t');
    if (c != 0 && !leading_blank && !is_key_character(c)) break;
    if (c != 0 && !leading_blank) head.key += c;
    line.remove_prefix(look ? look->bytes : 1);
  }
  head.rest = line;
  while (const std::size_t bytes = blank_bytes(head.rest)) head.rest.remove_prefix(bytes);
  head.blank = head.rest.size() < line.size();
  return head;
}

// `key: value` as it should have been typed.
std::string entry_text(const Head& head, std::string_view value) {
  const std::string plain = without_lookalikes(value);
  const std::string shown(fit_columns(without_controls(trimmed(plain)), kShownColumns));
  return head.key + ": " + (shown.empty() ? "…" : shown);
}

Text write(const std::string& right) {
  return {"write " + right, "请写成 " + right};
}

// What follows a key: nullopt where it is ": " or ":" alone.
std::optional<Slip> slip_after_key(const Head& head) {
  const std::string_view rest = head.rest;
  const auto look = leading_lookalike(rest);
  const char c = rest.empty() ? '\0' : look ? look->ascii : rest[0];
  const std::string_view after = rest.substr(rest.empty() ? 0 : look ? look->bytes : 1);
  if (c == ':' && look) {
    return Slip{0,
                {"{} stands where ':' and a space belong", "此处应为“:”加空格，而写成了{}", look->name},
                write(entry_text(head, after))};
  }
  if (c == '=' || (c == ':' && after.starts_with('='))) {
    return Slip{0,
                {"the line is written with '=' in place of ':'", "此行用“=”代替了“:”"},
                write(entry_text(head, after.substr(c == ':' ? 1 : 0)))};
  }
  if (c == ':' && (after.empty() || after[0] == ' ' || after[0] == '\t')) return std::nullopt;
  if (c == ':') {
    const auto blank = leading_lookalike(after);
    if (blank && (blank->ascii == ' ' || blank->ascii == 0)) {
      return Slip{
          0,
          {"{} follows the ':', where an ordinary space belongs", "“:”之后应为普通空格，而此处是{}", blank->name},
          write(entry_text(head, after))};
    }
    return Slip{0, {"a space is missing after ':'", "“:”之后缺少空格"}, write(entry_text(head, after))};
  }
  // Text of any kind may follow a word; only after a key's name is it a value.
  if (find_key(head.key) == nullptr || (!rest.empty() && !head.blank)) return std::nullopt;
  return Slip{0, {"there is no ':' after {}", "{} 之后缺少“:”", head.key}, write(entry_text(head, rest))};
}

Slip general(int line) {
  return {line,
          {"this line is not 'key: value'", "此行不是“键: 值”"},
          {"write one 'key: value' a line; comments begin with '#'", "每行写一个“键: 值”；注释以“#”开头"},
          /*known=*/false};
}

Slip with_line(Slip slip, int line) {
  slip.line = line;
  return slip;
}

Slip backslash(int line) {
  return {line,
          {"in double quotes a backslash begins an escape such as \\n", "双引号中的反斜杠表示转义（如 \\n）"},
          {"write each backslash twice, or '/' in its place, or take single quotes",
           "请将每个反斜杠写两次，或改用“/”，或改用单引号"}};
}

// \U takes eight digits, and the parser looks for them beyond the end of the line.
int line_of_escape(std::string_view text, int error_line) {
  for (int line = error_line; line > std::max(0, error_line - 8); --line) {
    if (line_of(text, line).find('\\') != std::string_view::npos) return line;
  }
  return error_line;
}

// The parser goes on to the next quote of the text, or to its end, and complains there.
bool spoiled_by_quote(std::string_view text, const LocatedValue& value, int error_line) {
  if (value.form != ValueForm::multi_line || value.line > error_line) return false;
  if (text.substr(value.begin, value.end - value.begin).find_first_of("\"'") == std::string_view::npos) return false;
  const auto end = text.begin() + static_cast<std::ptrdiff_t>(value.end);
  return !value.closed || 1 + std::count(text.begin(), end, '\n') == error_line;
}

std::optional<Slip> open_quote(std::string_view text, const LocatedDocument& document, int error_line) {
  for (const LocatedValue& value : document.values) {
    if (!spoiled_by_quote(text, value, error_line)) continue;
    const std::string_view line = trimmed(line_of(text, value.line));
    if (line.ends_with("\\\"")) return backslash(value.line);
    const std::size_t quote = line.find_first_of("\"'");
    for (auto look = find_lookalike(line, quote); look; look = find_lookalike(line, look->at + look->bytes)) {
      if (look->ascii != '"' && look->ascii != '\'') continue;
      return Slip{value.line,
                  {"not valid YAML: a quote is opened on this line and closed with {}",
                   "不是有效的 YAML：此行的引号以{}结尾", look->name},
                  {"close it with {}", "请以 {} 闭合", line[quote]}};
    }
    return Slip{
        value.line,
        {"not valid YAML: a quote is opened on this line and not closed", "不是有效的 YAML：此行的引号没有闭合"},
        {"close it at the end of the value, or leave it out", "请在值的末尾补上引号，或去掉它"}};
  }
  return std::nullopt;
}

// The parser names the line where the text ends.
std::optional<Slip> open_bracket(std::string_view text, const LocatedDocument& document) {
  for (const LocatedValue& value : document.values) {
    if (value.closed || value.form != ValueForm::flow) continue;
    const char open = text[text.find_first_of("[{", value.begin)];
    const char close = open == '[' ? ']' : '}';
    const auto look = find_lookalike(line_of(text, value.line));
    const Text instead = look && look->ascii == close ? Text(" and closed with {}", "，而以{}结尾", look->name)
                                                      : Text(" and not closed", "，但没有闭合");
    return Slip{
        value.line,
        {"not valid YAML: a '{}' is opened on this line{}", "不是有效的 YAML：此行的“{}”已打开{}", open, instead},
        {"close it with '{}'", "请以“{}”闭合", close}};
  }
  return std::nullopt;
}

// The last entry of the top level that begins on `line` or before it.
const LocatedValue* entry_at(const LocatedDocument& document, int line) {
  const LocatedValue* found = nullptr;
  for (const LocatedValue& value : document.values) {
    if (value.line <= line) found = &value;
  }
  return found;
}

// A slip in a nested line makes the parser stumble on the line after it.
std::optional<Slip> nested_slip(std::string_view text, const LocatedDocument& document, int error_line) {
  const LocatedValue* entry = entry_at(document, error_line - 1);
  for (int line = error_line; entry != nullptr && line > entry->line; --line) {
    std::string_view words = trimmed(line_of(text, line));
    if (words.starts_with("- ")) words = trimmed(words.substr(2));
    if (words.starts_with('#')) continue;
    if (auto slip = slip_of_entry(words)) return with_line(*slip, line);
  }
  return std::nullopt;
}

std::optional<Slip> slip_of_indent(const LocatedDocument& document, int error_line) {
  if (document.tab_line != 0 && document.tab_line <= error_line) {
    return Slip{document.tab_line,
                {"not valid YAML: a tab indents this line", "不是有效的 YAML：此行用制表符缩进"},
                {"indent with spaces instead of tabs", "请用空格代替制表符缩进"}};
  }
  const LocatedValue* entry = entry_at(document, error_line);
  if (entry == nullptr || entry->line == error_line || entry->form != ValueForm::multi_line || !entry->closed) {
    return std::nullopt;
  }
  return Slip{error_line,
              {"not valid YAML: this line is indented below {}, which has a value already",
               "不是有效的 YAML：此行缩进在 {} 之下，而它已有值", entry->key},
              {"begin the line in the same column as the keys above", "请与上面的键左对齐"}};
}

// What the value on the line itself begins with or holds.
std::optional<Slip> slip_of_value(std::string_view line, int number, const std::string& message) {
  const Head head = head_of(line);
  if (head.key.empty() || !head.rest.starts_with(':')) return std::nullopt;
  const std::string_view value = trimmed(head.rest.substr(1));
  if (value.empty()) return std::nullopt;
  const std::string quoted = fmt::format("{}: '{}'", head.key, fit_columns(value, kShownColumns));
  const bool alias = value[0] == '*' && message.starts_with(YAML::ErrorMsg::UNKNOWN_ANCHOR);
  if (alias || std::string_view("@`%").find(value[0]) != std::string_view::npos) {
    return Slip{number,
                {"not valid YAML: a value that begins with '{}' needs quotes",
                 "不是有效的 YAML：以“{}”开头的值需要加引号", value[0]},
                write(quoted)};
  }
  const bool bare = value[0] != '"' && value[0] != '\'' && value[0] != '[' && value[0] != '{';
  if (bare && value.find(": ") != std::string_view::npos) {
    return Slip{number,
                {"not valid YAML: a second ': ' stands in this line", "不是有效的 YAML：此行有第二个“: ”"},
                {"put the value in quotes: " + quoted, "请给值加上引号：" + quoted}};
  }
  return std::nullopt;
}

bool about_escape(const std::string& message) {
  return message.starts_with(YAML::ErrorMsg::INVALID_ESCAPE) || message.starts_with(YAML::ErrorMsg::INVALID_HEX) ||
         message.starts_with(YAML::ErrorMsg::INVALID_UNICODE);
}

bool about_open_flow(const std::string& message) {
  return message.starts_with(YAML::ErrorMsg::END_OF_SEQ_FLOW) || message.starts_with(YAML::ErrorMsg::END_OF_MAP_FLOW);
}

}  // namespace

std::optional<Slip> slip_of_entry(std::string_view line) {
  const std::string_view words = trimmed(line);
  if (const auto look = leading_lookalike(words); look && look->ascii == '#') {
    return Slip{0,
                {"{} begins no comment", "{} 不能作为注释的开头", look->name},
                {"begin the comment with '#'", "注释请以“#”开头"}};
  }
  if (words.starts_with("//")) {
    return Slip{
        0, {"'//' begins no comment", "“//”不能作为注释的开头"}, {"begin the comment with '#'", "注释请以“#”开头"}};
  }
  const Head head = head_of(line);
  if (head.key.empty() || head.key[0] == '-' || head.key[0] == '.') return std::nullopt;
  return slip_after_key(head);
}

std::optional<Slip> find_stray_line(std::string_view text) {
  const int line = locate_values(text).stray_line;
  if (line == 0) return std::nullopt;
  const auto known = slip_of_entry(line_of(text, line));
  return known ? with_line(*known, line) : general(line);
}

Slip explain_broken_yaml(std::string_view text, int error_line, const std::string& message) {
  if (about_escape(message)) return backslash(line_of_escape(text, error_line));
  const LocatedDocument document = locate_values(text);
  if (auto slip = open_quote(text, document, error_line)) return *slip;
  if (about_open_flow(message)) {
    if (auto slip = open_bracket(text, document)) return *slip;
  }
  if (document.stray_line != 0 && document.stray_line <= error_line) {
    if (auto slip = slip_of_entry(line_of(text, document.stray_line))) return with_line(*slip, document.stray_line);
  }
  if (auto slip = nested_slip(text, document, error_line)) return *slip;
  if (auto slip = slip_of_indent(document, error_line)) return *slip;
  if (auto slip = slip_of_value(line_of(text, error_line), error_line, message)) return *slip;
  if (document.stray_line != 0 && document.stray_line <= error_line) return general(document.stray_line);
  return {error_line,
          {"not valid YAML: " + message, "不是有效的 YAML：" + message},
          {"write one 'key: value' a line", "每行写一个“键: 值”"}};
}

}  // namespace wring

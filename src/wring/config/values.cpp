#include "wring/config/values.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "wring/base/display_text.h"
#include "wring/base/nearest.h"
#include "wring/base/parse.h"
#include "wring/config/lookalikes.h"

namespace wring {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_quote(char c) {
  return c == '"' || c == '\'';
}

// Line breaks and other control characters, those of Unicode (U+0080 to U+009F, U+2028, U+2029) included.
bool has_controls(std::string_view text) {
  while (!text.empty()) {
    const Character character = first_character(text);
    const char32_t code = character.code;
    if (code < 0x20 || (code >= 0x7F && code < 0xA0) || code == 0x2028 || code == 0x2029) return true;
    text.remove_prefix(character.bytes);
  }
  return false;
}

// 300_000 as YAML 1.1 and Python have it: each underscore between two digits. nullopt where one stands elsewhere.
std::optional<std::string> without_underscores(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '_') {
      plain += text[i];
    } else if (i == 0 || i + 1 == text.size() || !is_digit(text[i - 1]) || !is_digit(text[i + 1])) {
      return std::nullopt;
    }
  }
  return plain;
}

// 1e-4 included, which YAML 1.1 takes for a word. inf and nan are no settings.
std::optional<double> to_number(std::string_view text) {
  const auto plain = without_underscores(text);
  if (!plain) return std::nullopt;
  const bool plus = plain->starts_with('+') && !plain->starts_with("+-");
  const auto value = parse_number<double>(std::string_view(*plain).substr(plus ? 1 : 0));
  return value && std::isfinite(*value) ? value : std::nullopt;
}

// Decimal only: YAML 1.1 would read 010 as 8 and 1:30 as 90, and nobody means that here. 3e5 and 16.0 are the whole
// numbers that they are. What does not fit becomes the largest or smallest number, which is out of every range.
std::optional<std::int64_t> to_integer(std::string_view text) {
  const auto number = to_number(text);
  if (!number || *number != std::floor(*number)) return std::nullopt;
  const std::string plain = *without_underscores(text);
  const std::size_t first = plain.find_first_not_of("+-");
  if (plain[first] == '0' && first + 1 < plain.size() && is_digit(plain[first + 1])) return std::nullopt;
  constexpr double kExact = 9007199254740992.0;  // 2⁵³: up to here a double holds every whole number
  if (std::abs(*number) <= kExact) return static_cast<std::int64_t>(*number);
  using Limits = std::numeric_limits<std::int64_t>;
  return *number > 0 ? Limits::max() : Limits::min();
}

std::optional<bool> to_boolean(std::string_view text) {
  std::string word(text);
  std::ranges::transform(word, word.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (word == "true" || word == "yes" || word == "on") return true;
  if (word == "false" || word == "no" || word == "off") return false;
  return std::nullopt;
}

// The word itself for a short one.
std::string quoted(const ConfigNode& value) {
  if (value.kind == NodeKind::map) return "a map";
  if (value.kind == NodeKind::list) return "a list";
  const bool shown = value.text.size() <= 60 && value.text.find('\n') == std::string::npos;
  return shown ? "'" + value.text + "'" : "a long text";
}

std::string quoted_zh(const ConfigNode& value) {
  if (value.kind == NodeKind::map) return "映射";
  if (value.kind == NodeKind::list) return "列表";
  const std::string english = quoted(value);
  return english.front() == '\'' ? "“" + value.text + "”" : "过长的文本";
}

// What was typed, and what it looks as if it should be.
struct Repair {
  Text flaw;
  std::string text;
};

// A comma or semicolon at the end, a comment without a space before it, characters that only look right.
std::optional<Repair> repaired(std::string_view text) {
  Repair repair;
  std::string_view rest = trimmed(text);
  const std::string plain = without_lookalikes(rest);
  if (const auto look = find_lookalike(rest)) {
    repair.flaw = {"it has {}", "其中有{}", look->name};
    rest = trimmed(plain);
  }
  const auto flaw = [&](const char* en, const char* zh) {
    if (repair.flaw.empty()) repair.flaw = {en, zh};
  };
  if (const std::size_t hash = rest.find('#'); hash != std::string_view::npos && hash > 0) {
    flaw("a space is missing before '#'", "“#”之前缺少空格");
    rest = trimmed(rest.substr(0, hash));
  }
  if (rest.ends_with(',') || rest.ends_with(';')) {
    flaw("nothing ends a value but the end of the line", "值以行尾结束，不需要其他符号");
    rest = trimmed(rest.substr(0, rest.size() - 1));
  }
  const bool quotes = rest.size() > 1 && is_quote(rest.front()) && rest.back() == rest.front();
  if (quotes) rest = rest.substr(1, rest.size() - 2);
  if (repair.flaw.empty()) return std::nullopt;
  repair.text = rest;
  return repair;
}

// Throws `problem` with the repaired value as its cure, where that is a value of the key.
[[noreturn]] void refuse(const Key& key, const ConfigNode& value, BadValue problem) {
  const auto repair = value.kind == NodeKind::scalar ? repaired(value.text) : std::nullopt;
  if (!repair) throw problem;
  TrainConfig right;
  try {
    assign(right, key, node_of_argument(key, repair->text));
  } catch (const BadValue&) {
    throw problem;
  }
  const std::string entry = fmt::format("{}: {}", key.name, value_text(right, key));
  throw BadValue{{"{}: {}", "{}：{}", problem.what, repair->flaw}, {"write " + entry, "请写成 " + entry}};
}

[[noreturn]] void wrong_type(const Key& key, const ConfigNode& value, const Text& type, const std::string& example) {
  refuse(key, value,
         {{fmt::format("{} is not {}", quoted(value), type.en), fmt::format("{}不是{}", quoted_zh(value), type.zh)},
          {"for example {}: {}", "例如 {}: {}", key.name, example}});
}

void check_range(const Key& key, double value, const std::string& shown) {
  if (value >= key.minimum && value <= key.maximum) return;
  if (value < 0 && !key.off.empty()) {
    throw BadValue{{"{} is below 0; {} is 0 here", "{} 小于 0；{}在此写作 0", shown, key.off},
                   {"write {}: 0", "请写成 {}: 0", key.name}};
  }
  const std::string low = bound_text(key.minimum);
  const std::string high = bound_text(key.maximum);
  throw BadValue{{"{} is out of range", "{} 超出范围", shown},
                 {"it may be from {} to {}", "允许的范围是 {} 到 {}", low, high}};
}

void check_choice(const Key& key, const std::string& value) {
  if (key.choices.empty() || std::ranges::find(key.choices, value) != key.choices.end()) return;
  // Between numbers an edit distance means nothing.
  const bool words = std::holds_alternative<std::string TrainConfig::*>(key.member);
  const std::string near = words ? nearest_name(value, key.choices) : std::string();
  const std::string list = fmt::format("{}", fmt::join(key.choices, ", "));
  const Text meant = near.empty() ? Text() : Text("did you mean {}? ", "是否想写 {}？", near);
  refuse(
      key, {NodeKind::scalar, value, {}},
      {{"'{}' is not one of its values", "“{}”不是允许的值", value}, {"{}it may be: {}", "{}可选值：{}", meant, list}});
}

// A word may hold anything, but nobody means these at its ends.
void check_word(const std::string& word) {
  const auto first = leading_lookalike(word);
  std::optional<Lookalike> last;
  for (auto look = find_lookalike(word); look; look = find_lookalike(word, look->at + look->bytes)) {
    if (look->at + look->bytes == word.size()) last = look;
    if (look->ascii == '#' && look->at > 0 && word[look->at - 1] == ' ') {
      throw BadValue{{"{} begins no comment", "{} 不能作为注释的开头", look->name},
                     {"begin the comment with '#'", "注释请以“#”开头"}};
    }
  }
  for (const auto& end : {first, last}) {
    if (!end || (end->ascii != 0 && end->ascii != ' ')) continue;
    throw BadValue{{"the value begins or ends with {}", "值的开头或结尾有{}", end->name}, {"remove it", "请将其删除"}};
  }
  const std::string plain = without_lookalikes(word);
  const bool in_quotes = plain.size() > 1 && is_quote(plain.front()) && is_quote(plain.back());
  for (const auto& end : {first, last}) {
    if (!end || !in_quotes || !is_quote(end->ascii)) continue;
    throw BadValue{{"{} would be part of the value", "{}会成为值的一部分", end->name},
                   {"use \" or ', or no quotes at all", "请用 \" 或 '，或不加引号"}};
  }
}

// One overload for each alternative of Member: the value, checked.
std::int64_t convert(const Key& key, const ConfigNode& value, std::int64_t fallback) {
  const auto number = value.kind == NodeKind::scalar ? to_integer(value.text) : std::nullopt;
  if (!number) wrong_type(key, value, {"a whole number", "整数"}, fmt::format("{}", fallback));
  check_range(key, static_cast<double>(*number), value.text);
  check_choice(key, fmt::format("{}", *number));
  return *number;
}

double convert(const Key& key, const ConfigNode& value, double fallback) {
  const auto number = value.kind == NodeKind::scalar ? to_number(value.text) : std::nullopt;
  if (!number) wrong_type(key, value, {"a number", "数字"}, number_text(fallback));
  check_range(key, *number, value.text);
  return *number;
}

bool convert(const Key& key, const ConfigNode& value, bool /*fallback*/) {
  const auto flag = value.kind == NodeKind::scalar ? to_boolean(value.text) : std::nullopt;
  if (!flag) wrong_type(key, value, {"true or false", "true 或 false"}, "true");
  return *flag;
}

std::optional<bool> convert(const Key& key, const ConfigNode& value, const std::optional<bool>& /*fallback*/) {
  return convert(key, value, false);
}

std::string convert(const Key& key, const ConfigNode& value, const std::string& fallback) {
  if (value.kind != NodeKind::scalar) {
    wrong_type(key, value, {"a word", "文本"}, fallback.empty() ? "\"\"" : fallback);
  }
  if (has_controls(value.text)) {
    throw BadValue{{"the text has several lines or control characters", "文本包含换行或控制字符"},
                   {"write it on one line; in double quotes a backslash is written twice (\"C:\\\\new\")",
                    "请写在一行内；双引号中的反斜杠要写两次（\"C:\\\\new\"）"}};
  }
  check_choice(key, value.text);
  check_word(value.text);
  return value.text;
}

std::vector<std::int64_t> convert(const Key& key, const ConfigNode& value, const std::vector<std::int64_t>&) {
  const bool flat = value.kind == NodeKind::list && (!value.items.empty() || value.text == "[]");
  if (!flat) wrong_type(key, value, {"a list of whole numbers", "整数列表"}, "[1000, 2000]");
  std::vector<std::int64_t> numbers;
  for (const std::string& item : value.items) {
    const auto number = to_integer(item);
    if (!number) wrong_type(key, {NodeKind::scalar, item, {}}, {"a whole number", "整数"}, "[1000, 2000]");
    check_range(key, static_cast<double>(*number), item);
    if (!numbers.empty() && *number <= numbers.back()) {
      throw BadValue{{"{} does not come after {}", "{} 没有大于前面的 {}", item, numbers.back()},
                     {"list the numbers in increasing order", "请按递增顺序列出"}};
    }
    numbers.push_back(*number);
  }
  return numbers;
}

constexpr bool is_plain_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_' || c == '/' || c == '.' ||
         c == '-';
}

// Plain where every reader sees a word; else in double quotes.
std::string text_of(const std::string& word) {
  static constexpr std::array<std::string_view, 3> kNull = {"null", "Null", "NULL"};
  const bool starts_well = !word.empty() && !is_digit(word[0]) && word[0] != '-' && word[0] != '.';
  const bool plain = starts_well && std::ranges::all_of(word, is_plain_character) && !to_boolean(word) &&
                     std::ranges::find(kNull, word) == kNull.end();
  if (plain) return word;
  std::string escaped;
  for (const char c : word) {
    if (c == '"' || c == '\\') escaped += '\\';
    escaped += c;
  }
  return "\"" + escaped + "\"";
}

std::string text_of(bool value) {
  return value ? "true" : "false";
}
std::string text_of(const std::optional<bool>& value) {
  return value ? text_of(*value) : "null";
}
std::string text_of(std::int64_t value) {
  return fmt::format("{}", value);
}
std::string text_of(double value) {
  return number_text(value);
}
std::string text_of(const std::vector<std::int64_t>& values) {
  return fmt::format("[{}]", fmt::join(values, ", "));
}

}  // namespace

void assign(TrainConfig& config, const Key& key, const ConfigNode& value) {
  static const TrainConfig defaults;
  const bool none = value.kind == NodeKind::null;
  std::visit([&](auto member) { config.*member = none ? defaults.*member : convert(key, value, defaults.*member); },
             key.member);
}

ConfigNode node_of_argument(const Key& key, std::string_view text) {
  const std::string_view word = trimmed(text);
  static constexpr std::array<std::string_view, 5> kNothing = {"", "~", "null", "Null", "NULL"};
  if (std::ranges::find(kNothing, word) != kNothing.end()) return {};
  ConfigNode node{NodeKind::scalar, std::string(text), {}};
  if (!std::holds_alternative<std::vector<std::int64_t> TrainConfig::*>(key.member)) return node;
  text = word;
  if (text.starts_with('[') && text.ends_with(']')) text = text.substr(1, text.size() - 2);
  node.kind = NodeKind::list;
  node.text = "[]";
  while (!trimmed(text).empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    node.items.emplace_back(trimmed(text.substr(0, comma)));
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return node;
}

std::string value_text(const TrainConfig& config, const Key& key) {
  return std::visit([&](auto member) { return text_of(config.*member); }, key.member);
}

std::string number_text(double value) {
  std::string text = fmt::format("{}", value);
  const std::size_t exponent = text.find('e');
  if (text.find('.') == std::string::npos) text.insert(std::min(exponent, text.size()), ".0");
  return text;
}

std::string bound_text(double value) {
  const bool whole = std::abs(value) < 1e15 && value == std::floor(value);
  return whole ? fmt::format("{}", static_cast<std::int64_t>(value)) : fmt::format("{}", value);
}

}  // namespace wring

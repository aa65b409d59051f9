#include "wring/config/values.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "wring/base/nearest.h"

namespace wring {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// Plain decimal only: YAML 1.1 would read 010 as 8 and 1:30 as 90, and nobody means that here.
std::optional<std::int64_t> to_integer(std::string_view text) {
  const std::string_view digits = text.starts_with('-') ? text.substr(1) : text;
  if (digits.empty() || !std::ranges::all_of(digits, is_digit)) return std::nullopt;
  if (digits.size() > 1 && digits[0] == '0') return std::nullopt;
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// 1e-4 included, which YAML 1.1 takes for a word. inf and nan are no settings.
std::optional<double> to_number(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  if (text.starts_with('+')) return std::nullopt;
  double value = 0.0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (!std::isfinite(value)) return std::nullopt;
  return value;
}

std::optional<bool> to_boolean(std::string_view text) {
  std::string word(text);
  std::ranges::transform(word, word.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (word == "true" || word == "yes" || word == "on") return true;
  if (word == "false" || word == "no" || word == "off") return false;
  return std::nullopt;
}

// "null" for an absent value, the word itself for a short one.
std::string quoted(const ConfigNode& value) {
  if (value.kind == NodeKind::null) return "an empty value";
  if (value.kind == NodeKind::map) return "a map";
  if (value.kind == NodeKind::list) return "a list";
  const bool shown = value.text.size() <= 60 && value.text.find('\n') == std::string::npos;
  return shown ? "'" + value.text + "'" : "a long text";
}

std::string quoted_zh(const ConfigNode& value) {
  if (value.kind == NodeKind::null) return "空值";
  if (value.kind == NodeKind::map) return "映射";
  if (value.kind == NodeKind::list) return "列表";
  const std::string english = quoted(value);
  return english.front() == '\'' ? "“" + value.text + "”" : "过长的文本";
}

[[noreturn]] void wrong_type(const Key& key, const ConfigNode& value, const Text& type, const std::string& example) {
  throw BadValue{
      {fmt::format("{} is not {}", quoted(value), type.en), fmt::format("{}不是{}", quoted_zh(value), type.zh)},
      {fmt::format("for example {}: {}", key.name, example), fmt::format("例如 {}: {}", key.name, example)}};
}

void check_range(const Key& key, double value, const std::string& shown) {
  if (value >= key.minimum && value <= key.maximum) return;
  const std::string low = bound_text(key.minimum);
  const std::string high = bound_text(key.maximum);
  throw BadValue{{fmt::format("{} is out of range", shown), fmt::format("{} 超出范围", shown)},
                 {fmt::format("it may be from {} to {}", low, high), fmt::format("允许的范围是 {} 到 {}", low, high)}};
}

void check_choice(const Key& key, const std::string& value) {
  if (key.choices.empty() || std::ranges::find(key.choices, value) != key.choices.end()) return;
  // Between numbers an edit distance means nothing.
  const bool words = std::holds_alternative<std::string TrainConfig::*>(key.member);
  const std::string near = words ? nearest_name(value, key.choices) : std::string();
  const std::string list = fmt::format("{}", fmt::join(key.choices, ", "));
  const Text meant =
      near.empty() ? Text() : Text(fmt::format("did you mean {}? ", near), fmt::format("是否想写 {}？", near));
  throw BadValue{{fmt::format("'{}' is not one of its values", value), fmt::format("“{}”不是允许的值", value)},
                 {meant.en + "it may be: " + list, meant.zh + "可选值：" + list}};
}

// One overload for each alternative of Member: the value, checked.
std::int64_t convert(const Key& key, const ConfigNode& value, std::int64_t fallback) {
  const auto number = value.kind == NodeKind::scalar ? to_integer(value.text) : std::nullopt;
  if (!number) wrong_type(key, value, {"a whole number", "整数"}, fmt::format("{}", fallback));
  check_range(key, static_cast<double>(*number), value.text);
  check_choice(key, value.text);
  return *number;
}

double convert(const Key& key, const ConfigNode& value, double fallback) {
  const auto number = value.kind == NodeKind::scalar ? to_number(value.text) : std::nullopt;
  if (!number) wrong_type(key, value, {"a number", "数字"}, number_text(fallback));
  check_range(key, *number, value.text);
  return *number;
}

bool convert(const Key& key, const ConfigNode& value, bool) {
  const auto flag = value.kind == NodeKind::scalar ? to_boolean(value.text) : std::nullopt;
  if (!flag) wrong_type(key, value, {"true or false", "true 或 false"}, "true");
  return *flag;
}

std::string convert(const Key& key, const ConfigNode& value, const std::string& fallback) {
  if (value.kind != NodeKind::scalar) {
    wrong_type(key, value, {"a word", "文本"}, fallback.empty() ? "\"\"" : fallback);
  }
  const bool control = std::ranges::any_of(value.text, [](unsigned char c) { return c < 0x20 || c == 0x7F; });
  if (control) {
    throw BadValue{{"the text has several lines or control characters", "文本包含换行或控制字符"},
                   {"write it on one line", "请写在一行内"}};
  }
  check_choice(key, value.text);
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
      throw BadValue{{fmt::format("{} does not come after {}", item, numbers.back()),
                      fmt::format("{} 没有大于前面的 {}", item, numbers.back())},
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
  std::visit([&](auto member) { config.*member = convert(key, value, defaults.*member); }, key.member);
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

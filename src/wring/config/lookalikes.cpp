#include "wring/config/lookalikes.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "wring/base/display_text.h"

namespace wring {
namespace {

// Full-width forms of the ASCII characters '!' to '~' lie in one block, in ASCII's order.
constexpr char32_t kFullWidthFirst = 0xFF01, kFullWidthLast = 0xFF5E;
constexpr char32_t kFullWidthSpace = 0x3000;

struct Row {
  char32_t first;
  char32_t last;
  char ascii;
  const char* en;
  const char* zh;
};

constexpr std::array kRows = {
    Row{0x00A0, 0x00A0, ' ', "a no-break space", "不换行空格"},
    Row{0x1680, 0x1680, ' ', "an unusual space", "特殊空格"},
    Row{0x2000, 0x200A, ' ', "an unusual space", "特殊空格"},
    Row{0x202F, 0x202F, ' ', "a no-break space", "不换行空格"},
    Row{0x205F, 0x205F, ' ', "an unusual space", "特殊空格"},
    Row{kFullWidthSpace, kFullWidthSpace, ' ', "a full-width space", "全角空格"},
    Row{0x00AD, 0x00AD, 0, "a soft hyphen", "软连字符"},
    Row{0x200B, 0x200D, 0, "a zero-width character", "零宽字符"},
    Row{0x200E, 0x200F, 0, "an invisible mark of the writing direction", "不可见的书写方向标记"},
    Row{0x202A, 0x202E, 0, "an invisible mark of the writing direction", "不可见的书写方向标记"},
    Row{0x2060, 0x2060, 0, "a zero-width character", "零宽字符"},
    Row{0x2066, 0x2069, 0, "an invisible mark of the writing direction", "不可见的书写方向标记"},
    Row{0xFEFF, 0xFEFF, 0, "a byte order mark", "字节顺序标记（BOM）"},
    Row{0x2018, 0x201B, '\'', "a typographic quote", "弯引号"},
    Row{0x201C, 0x201F, '"', "a typographic quote", "弯引号"},
    Row{0x2010, 0x2015, '-', "a typographic dash", "排版连字符或破折号"},
    Row{0x2212, 0x2212, '-', "a mathematical minus", "数学减号"},
    Row{0x3001, 0x3001, ',', "a Chinese comma", "顿号"},
    Row{0x3002, 0x3002, '.', "a Chinese full stop", "中文句号"},
    Row{0x3010, 0x3010, '[', "a Chinese bracket", "中文方括号"},
    Row{0x3011, 0x3011, ']', "a Chinese bracket", "中文方括号"},
    Row{0x2236, 0x2236, ':', "another character than ':'", "并非“:”的字符"},
    Row{0xA789, 0xA789, ':', "another character than ':'", "并非“:”的字符"},
    Row{0xFE13, 0xFE13, ':', "another character than ':'", "并非“:”的字符"},
    Row{0xFE30, 0xFE30, ':', "another character than ':'", "并非“:”的字符"},
    Row{0xFE55, 0xFE55, ':', "another character than ':'", "并非“:”的字符"},
};

bool shows(char ascii) {
  return ascii != 0 && ascii != ' ';
}

// Visible ones are shown as they are, the others by their number.
Text name_of(const Row& row, std::string_view character, char32_t code) {
  const auto number = static_cast<unsigned>(code);
  if (!shows(row.ascii)) {
    return {fmt::format("{} (U+{:04X})", row.en, number), fmt::format("{}（U+{:04X}）", row.zh, number)};
  }
  return {fmt::format("{} {}", row.en, character), fmt::format("{} {}", row.zh, character)};
}

}  // namespace

std::optional<Lookalike> leading_lookalike(std::string_view text) {
  if (text.empty() || static_cast<unsigned char>(text[0]) < 0x80) return std::nullopt;
  const Character character = first_character(text);
  const char32_t code = character.code;
  const std::string_view bytes = text.substr(0, character.bytes);
  if (code >= kFullWidthFirst && code <= kFullWidthLast) {
    const Text name{"a full-width {}", "全角字符 {}", bytes};
    return Lookalike{0, character.bytes, static_cast<char>(code - kFullWidthFirst + '!'), name};
  }
  const auto row = std::ranges::find_if(kRows, [&](const Row& r) { return code >= r.first && code <= r.last; });
  if (row == kRows.end()) return std::nullopt;
  return Lookalike{0, character.bytes, row->ascii, name_of(*row, bytes, code)};
}

std::optional<Lookalike> find_lookalike(std::string_view text, std::size_t from) {
  for (std::size_t at = from; at < text.size(); at += first_character(text.substr(at)).bytes) {
    if (auto found = leading_lookalike(text.substr(at))) {
      found->at = at;
      return found;
    }
  }
  return std::nullopt;
}

std::string without_lookalikes(std::string_view text) {
  std::string plain;
  while (!text.empty()) {
    const auto found = leading_lookalike(text);
    const std::size_t bytes = found ? found->bytes : first_character(text).bytes;
    if (!found) plain += text.substr(0, bytes);
    if (found && found->ascii != 0) plain += found->ascii;
    text.remove_prefix(bytes);
  }
  return plain;
}

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

}  // namespace wring

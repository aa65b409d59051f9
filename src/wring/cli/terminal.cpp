#include "wring/cli/terminal.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <utility>

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace wring {
namespace {

struct Range {
  char32_t first, last;
};

// Unicode's East Asian Width W and F, in the blocks that text and emoji come from.
constexpr std::array<Range, 13> wide = {{{0x1100, 0x115F},
                                         {0x2705, 0x2705},
                                         {0x274C, 0x274C},
                                         {0x2E80, 0xA4CF},
                                         {0xA960, 0xA97F},
                                         {0xAC00, 0xD7A3},
                                         {0xF900, 0xFAFF},
                                         {0xFE30, 0xFE6F},
                                         {0xFF00, 0xFF60},
                                         {0xFFE0, 0xFFE6},
                                         {0x1F300, 0x1F64F},
                                         {0x1F680, 0x1FAFF},
                                         {0x20000, 0x3FFFD}}};
constexpr std::array<Range, 4> zero_width = {
    {{0x0300, 0x036F}, {0x200B, 0x200F}, {0xFE00, 0xFE0F}, {0xFEFF, 0xFEFF}}};

bool within(const auto& ranges, char32_t code) {
  return std::any_of(ranges.begin(), ranges.end(),
                     [&](const Range& range) { return code >= range.first && code <= range.last; });
}

int width_of(char32_t code) {
  if (within(zero_width, code)) return 0;
  return within(wide, code) ? 2 : 1;
}

// Takes the first character off the text. A byte that begins no valid sequence stands for itself.
std::pair<std::string_view, char32_t> take_character(std::string_view& text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
  if (length > text.size()) length = 1;
  char32_t code = length == 1 ? lead : lead & (0xFFu >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) code = (code << 6) | (byte(i) & 0x3Fu);
  const std::string_view character = text.substr(0, length);
  text.remove_prefix(length);
  return {character, code};
}

}  // namespace

int display_width(std::string_view text) {
  int width = 0;
  while (!text.empty()) width += width_of(take_character(text).second);
  return width;
}

std::string pad_to(std::string_view text, int width) {
  return std::string(text) +
         std::string(static_cast<std::size_t>(std::max(0, width - display_width(text))), ' ');
}

std::vector<std::string> wrap(std::string_view text, int width) {
  std::vector<std::string> lines;
  std::string line, word;  // the word follows the line; it moves to a new line when it does not fit
  const auto end_word = [&] {
    if (!line.empty() && display_width(line) + display_width(word) > width) {
      lines.push_back(line.substr(0, line.find_last_not_of(' ') + 1));
      line.clear();
    }
    line += word;
    word.clear();
  };
  while (!text.empty()) {
    const auto [character, code] = take_character(text);
    if (character == " ") {
      end_word();
      if (!line.empty()) line += ' ';
      continue;
    }
    // Chinese punctuation must not begin a line, so it stays with the character before it.
    const bool closes = (code >= 0x3001 && code <= 0x3002) || code == 0xFF0C || code == 0xFF1A ||
                        code == 0xFF1B || code == 0xFF09;
    if (width_of(code) == 2 && !closes) end_word();
    word += character;
  }
  end_word();
  lines.push_back(line.substr(0, line.find_last_not_of(' ') + 1));
  return lines;
}

std::string to_ascii(std::string_view text) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 14> replacements = {
      {{"→", "->"},
       {"×", "x"},
       {"≥", ">="},
       {"≤", "<="},
       {"…", "..."},
       {"–", "-"},
       {"—", "-"},
       {"·", "*"},
       {"◆", "#"},
       {"▲", "^"},
       {"≈", "~"},
       {"’", "'"},
       {"“", "\""},
       {"”", "\""}}};
  std::string result;
  while (!text.empty()) {
    const std::string_view character = take_character(text).first;
    const auto found = std::find_if(replacements.begin(), replacements.end(),
                                    [&](const auto& pair) { return pair.first == character; });
    result += found != replacements.end() ? found->second : character;
  }
  return result;
}

bool locale_is_utf8() {
  for (const char* variable : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const char* value = std::getenv(variable);
    if (value == nullptr || *value == '\0') continue;
    std::string name(value);
    std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
    return name.find("utf-8") != std::string::npos || name.find("utf8") != std::string::npos;
  }
  return false;
}

std::optional<int> terminal_columns() {
  winsize size{};
  if (::isatty(STDOUT_FILENO) == 0 || ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) {
    return std::nullopt;
  }
  return size.ws_col;
}

std::string paint(std::string_view text, Ink ink, bool color) {
  static constexpr std::array<std::string_view, 7> codes = {"0", "1", "2", "31", "32", "33", "36"};
  if (!color || ink == Ink::plain) return std::string(text);
  return fmt::format("\x1b[{}m{}\x1b[0m", codes[static_cast<std::size_t>(ink)], text);
}

}  // namespace wring

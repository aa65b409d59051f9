#include "wring/base/display_text.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include <fmt/format.h>
#include <utf8proc.h>

namespace wring {
namespace {

struct Range {
  char32_t first;
  char32_t last;
};

// What steers a terminal or turns a line round: C0, DEL and C1; marks that end a line; marks of direction (Unicode
// Standard Annex #9).
constexpr std::array kControls = {Range{0x0000, 0x001f}, Range{0x007f, 0x009f}, Range{0x061c, 0x061c},
                                  Range{0x200e, 0x200f}, Range{0x2028, 0x202e}, Range{0x2066, 0x206f}};

bool within(const auto& ranges, char32_t character) {
  for (const Range& range : ranges) {
    if (character >= range.first && character <= range.last) return true;
  }
  return false;
}

// Takes the first character off the text.
std::pair<std::string_view, Character> take_character(std::string_view& text) {
  const Character character = first_character(text);
  const std::string_view bytes = text.substr(0, character.bytes);
  text.remove_prefix(character.bytes);
  return {bytes, character};
}

}  // namespace

Character first_character(std::string_view text) {
  utf8proc_int32_t code = -1;
  const auto* bytes = reinterpret_cast<const utf8proc_uint8_t*>(text.data());
  const utf8proc_ssize_t read =
      utf8proc_iterate(bytes, static_cast<utf8proc_ssize_t>(std::min<std::size_t>(text.size(), 4)), &code);
  if (read <= 0) return {1, 1, static_cast<unsigned char>(text[0])};
  // A control character has no width of its own; it counts one, as what without_controls() leaves in its place.
  const int columns = code < 0x80 ? 1 : utf8proc_charwidth(code);
  return {static_cast<std::size_t>(read), columns, static_cast<char32_t>(code)};
}

bool is_utf8(const Character& character) {
  return character.bytes > 1 || character.code < 0x80;
}

bool is_control(const Character& character) {
  return is_utf8(character) && within(kControls, character.code);
}

int display_width(std::string_view text) {
  int columns = 0;
  while (!text.empty()) {
    const Character character = first_character(text);
    columns += character.columns;
    text.remove_prefix(character.bytes);
  }
  return columns;
}

std::string_view fit_columns(std::string_view text, int columns) {
  std::size_t bytes = 0;
  while (bytes < text.size()) {
    const Character character = first_character(text.substr(bytes));
    if (character.columns > columns) break;
    columns -= character.columns;
    bytes += character.bytes;
  }
  return text.substr(0, bytes);
}

std::string without_controls(std::string_view text, std::string_view kept) {
  std::string clean;
  clean.reserve(text.size());
  while (!text.empty()) {
    const auto [bytes, character] = take_character(text);
    const auto code = static_cast<std::uint32_t>(character.code);
    if (is_utf8(character) && (!is_control(character) || kept.find(bytes) != std::string_view::npos)) {
      clean += bytes;
    } else if (bytes == "\n" || bytes == "\r" || bytes == "\t") {
      clean += bytes == "\n" ? "\\n" : bytes == "\r" ? "\\r" : "\\t";
    } else {
      clean += character.bytes == 1 ? fmt::format("\\x{:02x}", code) : fmt::format("\\u{:04x}", code);
    }
  }
  return clean;
}

std::string lines_without_controls(std::string_view text) {
  return without_controls(text, "\n\t");
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
    const auto [character, shape] = take_character(text);
    const char32_t code = shape.code;
    if (character == " ") {
      end_word();
      if (!line.empty()) line += ' ';
      continue;
    }
    // Chinese punctuation must not begin a line, so it stays with the character before it.
    const bool closes =
        (code >= 0x3001 && code <= 0x3002) || code == 0xFF0C || code == 0xFF1A || code == 0xFF1B || code == 0xFF09;
    if (shape.columns == 2 && !closes) end_word();
    word += character;
  }
  end_word();
  lines.push_back(line.substr(0, line.find_last_not_of(' ') + 1));
  return lines;
}

std::string to_ascii(std::string_view text) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 15> kReplacements = {{{"→", "->"},
                                                                                                   {"°", ""},
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
    const auto found = std::find_if(kReplacements.begin(), kReplacements.end(),
                                    [&](const auto& pair) { return pair.first == character; });
    result += found != kReplacements.end() ? found->second : character;
  }
  return result;
}

}  // namespace wring

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

// Takes the first character off the text.
std::pair<std::string_view, Character> take_character(std::string_view& text) {
  const Character character = first_character(text);
  const std::string_view bytes = text.substr(0, character.bytes);
  text.remove_prefix(character.bytes);
  return {bytes, character};
}

}  // namespace

std::string pad_to(std::string_view text, int width) {
  return std::string(text) + std::string(static_cast<std::size_t>(std::max(0, width - display_width(text))), ' ');
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

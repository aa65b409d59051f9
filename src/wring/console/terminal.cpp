#include "wring/console/terminal.h"

#include <algorithm>
#include <array>
#include <cstdlib>

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace wring {

std::string pad_to(std::string_view text, int width) {
  return std::string(text) + std::string(static_cast<std::size_t>(std::max(0, width - display_width(text))), ' ');
}

std::optional<int> terminal_columns() {
  winsize size{};
  if (::isatty(STDOUT_FILENO) == 0 || ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) {
    return std::nullopt;
  }
  return size.ws_col;
}

std::string paint(std::string_view text, Ink ink, bool color) {
  static constexpr std::array<std::string_view, 7> kCodes = {"0", "1", "2", "31", "32", "33", "36"};
  std::string clean = lines_without_controls(text);
  if (!color || ink == Ink::plain) return clean;
  return fmt::format("\x1b[{}m{}\x1b[0m", kCodes[static_cast<std::size_t>(ink)], clean);
}

}  // namespace wring

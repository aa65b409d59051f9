#include "wring/base/message.h"

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <string>

#include <fcntl.h>
#include <unistd.h>

#include "wring/base/display_text.h"
#include "wring/base/locale.h"

namespace wring {

namespace {

std::atomic<int> output_errno = 0;  // of the first failure; 0: none

bool write(std::FILE* stream, std::string_view text) {
  return std::fwrite(text.data(), 1, text.size(), stream) == text.size();
}

// `done`: what the call before this one said; errno is its.
void note_output(bool done) {
  int none = 0;
  if (!done) output_errno.compare_exchange_strong(none, errno);
}

// How many bytes at the beginning are a colour: ESC [, one or two digits, m.
std::size_t colour_bytes(std::string_view text) {
  constexpr std::size_t kMostDigits = 2;
  if (!text.starts_with("\x1b[")) return 0;
  const std::size_t end = text.find_first_not_of("0123456789", 2);
  if (end == std::string_view::npos || text[end] != 'm' || end == 2 || end > 2 + kMostDigits) return 0;
  return end + 1;
}

std::string painted_without_controls(std::string_view text) {
  std::string clean;
  while (!text.empty()) {
    const std::size_t colour = colour_bytes(text);
    clean += text.substr(0, colour);
    text.remove_prefix(colour);
    const std::string_view plain = text.substr(0, text.find('\x1b', colour == 0 ? 1 : 0));
    clean += lines_without_controls(plain);
    text.remove_prefix(plain.size());
  }
  return clean;
}

}  // namespace

void write_message(std::string_view text) {
  write(stderr, for_locale(lines_without_controls(text)));
}

void write_painted_message(std::string_view text) {
  write(stderr, for_locale(painted_without_controls(text)));
}

void write_output(std::string_view text) {
  note_output(write(stdout, lines_without_controls(text)));
}

void write_painted_output(std::string_view text) {
  note_output(write(stdout, painted_without_controls(text)));
}

bool flush_output() {
  note_output(std::fflush(stdout) == 0);
  return !output_closed();
}

bool output_closed() {
  return output_errno == EPIPE;
}

int output_error() {
  return output_errno;
}

void clear_line() {
  write(stdout, "\r\x1b[K");
}

void open_standard_streams() {
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    // The lowest free number is given, which is this one.
    if (fcntl(stream, F_GETFD) < 0 && open("/dev/null", O_RDWR | O_CLOEXEC) < 0) return;
  }
}

}  // namespace wring

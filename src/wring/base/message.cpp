#include "wring/base/message.h"

#include <cstdio>
#include <string>

#include <fcntl.h>
#include <unistd.h>

#include "wring/base/display_text.h"

namespace wring {

void write_message(std::string_view text) {
  const std::string shown = for_locale(text);
  std::fwrite(shown.data(), 1, shown.size(), stderr);
}

void open_standard_streams() {
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    // The lowest free number is given, which is this one.
    if (fcntl(stream, F_GETFD) < 0 && open("/dev/null", O_RDWR) < 0) return;
  }
}

}  // namespace wring

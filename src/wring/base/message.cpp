#include "wring/base/message.h"

#include <cstdio>

#include <fcntl.h>
#include <unistd.h>

namespace wring {

void write_message(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stderr);
}

void open_standard_streams() {
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    // The lowest free number is given, which is this one.
    if (fcntl(stream, F_GETFD) < 0 && open("/dev/null", O_RDWR) < 0) return;
  }
}

}  // namespace wring

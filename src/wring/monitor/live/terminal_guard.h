#pragma once
#include <string_view>

#include <termios.h>

namespace wring::live {

// While it lives, the terminal is given back as it was found also where nothing is unwound: a crash, abort(), exit(),
// Ctrl-\, and signals that nobody else handles. One at a time.
class TerminalGuard {
 public:
  // sequence: what the terminal must be sent to look as before, at most 255 bytes; modes: as they were found.
  TerminalGuard(std::string_view sequence, const termios& modes);
  ~TerminalGuard();
  TerminalGuard(const TerminalGuard&) = delete;
  TerminalGuard& operator=(const TerminalGuard&) = delete;
};

// Gives the terminal back now, if it is guarded; for handlers that end the process (async-signal-safe).
void restore_terminal_now();

}  // namespace wring::live

#pragma once
#include <memory>

#include "wring/monitor/live/canvas.h"

namespace wring::live {

struct ScreenSize {
  int columns = 0;
  int rows = 0;
};

enum class Key { none, quit, pause, help, faster, slower, up, down, page_up, page_down, first, last, other };

// The terminal on standard input and output, taken over from construction to destruction. One thread uses it, except
// where said.
class LiveScreen {
 public:
  virtual ~LiveScreen() = default;

  virtual bool utf8() const = 0;  // whether the locale and the terminal can show it
  virtual ScreenSize size() = 0;  // now; follows the terminal's
  virtual void show(const Canvas& canvas) = 0;
  virtual Key read_key() = 0;  // what was typed, without waiting

  virtual void leave() = 0;  // gives the terminal back as it was found
  virtual void enter() = 0;  // takes it again and forgets what it showed
};

struct ScreenOptions {
  bool color = true;
  bool utf8 = true;  // wanted; the screen says what it can
};

// Takes the terminal over. Null where this build has no ncurses or the terminal cannot be used (an unknown TERM).
std::unique_ptr<LiveScreen> open_live_screen(const ScreenOptions& options);

}  // namespace wring::live

// Linked instead of live_screen.cpp where ncursesw is absent: the monitor then writes lines.
#include "wring/monitor/live/screen.h"

namespace wring::live {

std::unique_ptr<LiveScreen> open_live_screen(const ScreenOptions& /*options*/) {
  return nullptr;
}

}  // namespace wring::live

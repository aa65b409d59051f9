#include "wring/console/tell_waits.h"

#include "wring/base/message.h"
#include "wring/files/wait_notice.h"

namespace wring {

void tell_waits(const CommonOptions& options) {
  WaitSpeaker speaker;
  speaker.say = [console = console_for(options)](const Text& text) { write_message(console.text(text) + "\n"); };
  set_wait_speaker(std::move(speaker));
}

}  // namespace wring

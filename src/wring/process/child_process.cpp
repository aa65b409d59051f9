#include "wring/process/child_process.h"

#include <algorithm>
#include <chrono>

#include <signal.h>

#include "wring/process/child_pipes.h"

namespace wring {

ChildResult run_child(const std::vector<std::string>& command, const ChildOptions& options) {
  using Clock = std::chrono::steady_clock;
  constexpr std::chrono::milliseconds kCheckInterval{5};  // of the clock, where nothing is printed
  const auto deadline = options.timeout ? Clock::now() + *options.timeout : Clock::time_point::max();
  ChildPipes child(command, options, ChildPipes::Input::none, {}, ChildPipes::Rest::lives);
  ChildResult result;
  const std::size_t most = options.most_output.value_or(result.out.max_size());
  for (bool killed = false; !killed && !child.end();) {
    child.wait(kCheckInterval);
    killed = !child.end() && (result.printed_too_much || Clock::now() >= deadline);
    if (killed) {
      result.timed_out = !result.printed_too_much;
      child.kill();
    }
    result.out += child.take_out();
    result.err += child.take_err();
    result.printed_too_much = result.out.size() > most || result.err.size() > most;
    for (std::string* kept : {&result.out, &result.err}) kept->resize(std::min(kept->size(), most + 1));
  }
  const ProcessEnd end = child.end().value_or(ProcessEnd{{}, SIGKILL});  // what hangs in a driver has not ended
  result.exit_status = end.exit_status;
  result.signal = end.signal;
  return result;
}

}  // namespace wring

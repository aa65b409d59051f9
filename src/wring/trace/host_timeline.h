#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "wring/trace/chrome_trace.h"
#include "wring/trace/step_window.h"

namespace wring {

// What the threads that feed the device are at.
enum class HostState : std::uint8_t {
  launching,  // the model's operators and what the program does between them
  elsewhere,  // no operator for a millisecond and more: the program's own code
  optimizer,  // the optimiser's step, without what a closure computes in it
  loader,     // the stepping thread waits for a batch
  sync,       // an operator that waits for the device
  copy,       // an operator that copies from pageable memory
};

inline constexpr std::size_t kHostStates = 6;

// One thing that the host did, in order: it worked for a while, launched something on the device, or was held up.
struct HostItem {
  enum class Kind : std::uint8_t { work, launch, block } kind = Kind::work;
  HostState state = HostState::launching;
  double ns = 0;                     // of work; of a block what it took beside the device's work
  std::size_t event = 0;             // launch: in StepWindow::events
  std::optional<std::size_t> until;  // block: the event that it waited for
};

// The host's steps with its waits for the device taken out: what it had to do itself, and what it then waited for. The
// threads that launch (the one that steps, autograd's) take turns, so theirs is one timeline.
std::vector<HostItem> host_timeline(const Trace& trace, const StepWindow& window);

}  // namespace wring

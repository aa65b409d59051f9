#pragma once
#include <cstdint>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "wring/trace/chrome_trace.h"
#include "wring/trace/step_window.h"

namespace wring {

// In what a call of CUDA's holds the host up.
enum class Blocking : std::uint8_t {
  no,
  sync,  // it waits for the device, or for a value from it
  copy,  // it copies from memory that is not pinned, which the host does itself, or waits for such a copy
};

// Whether a call of that name waits for the device by what it is: "cudaStreamSynchronize", "cudaMemcpy", "cudaFree".
bool is_synchronising(std::string_view call);

// Tells it of the calls of a window's steps.
class BlockingCalls {
 public:
  BlockingCalls(const Trace& trace, const StepWindow& window);
  Blocking of(const HostEvent& call) const;

 private:
  const Trace& trace_;
  std::unordered_set<std::uint64_t> to_device_;          // correlations of copies from pageable memory
  std::unordered_set<std::uint64_t> from_device_;        // and into it
  std::unordered_set<std::uint64_t> copying_operators_;  // those that copy from pageable memory
};

}  // namespace wring

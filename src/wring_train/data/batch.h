#pragma once
#include <cstdint>
#include <memory>
#include <vector>

namespace wring {

// One batch: RGB bytes, shape (batch, patch, patch, 3), the LR patches cut from the same places; null with
// without_bytes. A buffer is used again once its last owner lets go, so hold it until an asynchronous copy out of it
// has ended.
struct Batch {
  std::int64_t step = 0;  // counts batches since the start of training
  int size = 0;
  int hr_patch = 0;
  int lr_patch = 0;
  std::shared_ptr<std::uint8_t> hr;
  std::shared_ptr<std::uint8_t> lr;
};

// The same samples in `parts` micro-batches, in order, without a copy: where a whole batch does not fit into the
// memory. Micro-batch j of batch k is step k × parts + j. `parts` divides the batch's size.
std::vector<Batch> split(const Batch& batch, int parts);

}  // namespace wring

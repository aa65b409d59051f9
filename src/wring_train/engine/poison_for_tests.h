#pragma once
#include <cstdint>

namespace wring {

// For tests: whether the loss of this batch is to become NaN. WRING_TEST_NAN_LOSS is FIRST-LAST, the batches whose loss
// does, or FIRST-LAST:LR, at learning rates above LR alone: training that is unstable until it is slowed down.
bool poisoned_for_tests(std::int64_t batch, double lr);

}  // namespace wring

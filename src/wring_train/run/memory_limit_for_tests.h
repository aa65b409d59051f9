#pragma once
#include <cstdint>

namespace wring {

// For tests on machines without a GPU: whether a micro-batch of this size is to be treated as one that does not fit.
// WRING_TEST_OOM_ABOVE_BATCH is the largest size that does, or SIZE@STEP: from that step on.
bool over_limit_for_tests(std::int64_t micro_batch, std::int64_t step);

}  // namespace wring

#pragma once
#include <cstdint>
#include <functional>

namespace wring {

// For tests on machines without a GPU: whether a micro-batch of this size is to be treated as one that does not fit.
// WRING_TEST_OOM_ABOVE_BATCH is the largest size that does; SIZE@STEP: from that step on; SIZE@STEP/RANK: on one rank.
bool over_limit_for_tests(std::int64_t micro_batch, const std::function<std::int64_t()>& step, int rank = 0);

}  // namespace wring

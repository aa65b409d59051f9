#pragma once
#include <cstdint>
#include <optional>

namespace wring {

// What the loader holds in the host's memory: each worker prepares `prefetch_factor` batches ahead, and one more is in
// hand.
struct LoaderQueues {
  std::int64_t num_workers = 0;
  std::int64_t prefetch_factor = 2;
  double sample_bytes = 0;  // of one sample as it leaves the loader
};

// Of one sample as wring's own loader hands it over: an HR patch and its LR version, a byte a channel.
double decoded_sample_bytes(std::int64_t patch_size, std::int64_t scale);

// The share of what is available that the queues may take: the decoded data set and the page cache want the rest.
inline constexpr double kHostShare = 0.5;

// Bytes in flight at this batch.
double loader_bytes(const LoaderQueues& queues, std::int64_t batch);

// The largest batch whose queues stay within kHostShare of what is available; absent where a sample's size or the
// memory is not known. 0 where not even one sample fits.
std::optional<std::int64_t> host_memory_limit(const LoaderQueues& queues, std::optional<std::int64_t> available_bytes);

}  // namespace wring

#include "wring/tune/host_memory.h"

#include <algorithm>
#include <cmath>

namespace wring {
namespace {

double batches_in_flight(const LoaderQueues& queues) {
  const auto workers = static_cast<double>(std::max<std::int64_t>(queues.num_workers, 0));
  const auto ahead = static_cast<double>(std::max<std::int64_t>(queues.prefetch_factor, 1));
  return workers * ahead + 1;
}

}  // namespace

double decoded_sample_bytes(std::int64_t patch_size, std::int64_t scale) {
  constexpr double kChannels = 3;
  const auto hr = static_cast<double>(patch_size);
  const double lr = hr / static_cast<double>(scale);
  return kChannels * (hr * hr + lr * lr);
}

double loader_bytes(const LoaderQueues& queues, std::int64_t batch) {
  return batches_in_flight(queues) * static_cast<double>(batch) * queues.sample_bytes;
}

std::optional<std::int64_t> host_memory_limit(const LoaderQueues& queues, std::optional<std::int64_t> available_bytes) {
  if (!available_bytes || queues.sample_bytes <= 0) return std::nullopt;
  const double allowed = kHostShare * static_cast<double>(*available_bytes);
  const double batch = allowed / (batches_in_flight(queues) * queues.sample_bytes);
  return static_cast<std::int64_t>(std::floor(std::clamp(batch, 0.0, 1e15)));
}

}  // namespace wring

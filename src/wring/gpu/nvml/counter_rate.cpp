#include "wring/gpu/nvml/counter_rate.h"

#include <utility>

namespace wring {

Reading CounterRate::next(double time_s, std::uint64_t count) {
  const std::optional<Point> before = std::exchange(previous_, Point{time_s, count});
  if (!before || time_s <= before->time_s) return Reading::failed(Reading::kNoData);
  const auto rate = [&](std::uint64_t growth) {
    return static_cast<double>(growth) * scale_ / (time_s - before->time_s);
  };
  if (count >= before->count) return Reading::of(rate(count - before->count));
  // Drivers keep some counters in 32 bits and hand them out in 64, so both widths are tried.
  const std::uint64_t in_64_bits = count - before->count;
  const std::uint64_t in_32_bits = in_64_bits & 0xFFFFFFFF;
  if (before->count >> 32 == 0 && rate(in_32_bits) <= most_per_s_) return Reading::of(rate(in_32_bits));
  if (rate(in_64_bits) <= most_per_s_) return Reading::of(rate(in_64_bits));
  return Reading::failed(Reading::kNoData);
}

}  // namespace wring

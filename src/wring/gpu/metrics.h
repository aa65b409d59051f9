#pragma once
#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

#include "wring/base/text.h"
#include "wring/gpu/reading.h"

namespace wring {

// What is measured of a card. The catalogue below holds everything that a writer, a view or a summary needs to know
// about each, so that a new metric is one row there and one line in the source that reads it.
enum class Metric : std::size_t {
  gpu_util,     // share of time in which a kernel ran or a copy moved; one thread makes it 100 %
  memory_util,  // share of time in which device memory was read or written; not how full it is
  memory_used,  // without what the driver reserves, where the driver tells them apart
  memory_reserved,
  memory_total,
  power,
  power_limit,
  energy,  // counter since the driver was loaded
  temperature,
  memory_temperature,
  sm_clock,
  memory_clock,
  pcie_rx,  // from the host to the card
  pcie_tx,
  nvlink_rx,
  nvlink_tx,
  ecc_uncorrected,  // counter
  sm_activity,      // GPM, Hopper and later, from here on: shares of what the unit can do
  sm_occupancy,
  tensor_activity,
  dram_activity,
  fp64_activity,
  fp32_activity,
  fp16_activity,
  count_
};
inline constexpr std::size_t kMetricCount = static_cast<std::size_t>(Metric::count_);

enum class MetricKind {
  share,    // per cent of a past window, 0 to 100; anything above is rejected, not averaged
  level,    // as it is now
  rate,     // per second over a past window
  counter,  // only grows; its difference is exact
};

struct MetricRow {
  Metric metric;
  MetricKind kind;
  std::string_view key;         // JSON and Prometheus: "gpu_util", with the unit where it has one: "power_w"
  std::string_view csv_header;  // as nvidia-smi --query-gpu prints it: "utilization.gpu [%]"; ours where it has none
  std::string_view unit;        // "%", "MiB", "W", "J", "°C", "MHz", "MiB/s", ""
  double prometheus_factor;     // from our unit to Prometheus' base unit (bytes, ratio 0 to 1, joules, hertz)
  std::string_view prometheus;  // metric name without the prefix "wring_gpu_": "memory_used_bytes"
  Text title;                   // "GPU-Util", "显存使用"
  Text help;                    // one sentence: what it means and what it must not be taken for
};

// One row a metric, in the order of the enumeration.
std::span<const MetricRow> metric_rows();
const MetricRow& metric_row(Metric metric);

inline constexpr double kMostMemoryMib = 16.0 * 1024 * 1024;  // 16 TiB, a hundred times the largest card

// False for what cannot be: shares above 100, a card of 20 kW or without memory, 2^64 - 1 bytes, a number that is none.
// Drivers do return such values, and one of them spoils every average.
bool is_possible(Metric metric, double value);

// The reading where it can be true: drivers have answered 4294967295 % and not-a-number. A share that is above 100 by
// no more than the driver's rounding is 100. Everything that shows, writes or averages readings takes them through
// this.
std::optional<double> plausible(const MetricRow& row, const Reading& reading);

using Readings = std::array<Reading, kMetricCount>;

// Rejects what cannot be beside another reading: a part of the memory that is larger than all of it.
void reject_contradictions(Readings& values);

}  // namespace wring

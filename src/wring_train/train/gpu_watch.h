#pragma once
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "wring/gpu/telemetry.h"
#include "wring/telemetry/summary.h"

namespace wring {

// The monitor's sampler beside a training run: how busy the card is, for the progress bar, the metrics and the end of
// the run. Reads once a second from a thread of its own and never holds the training up.
class GpuWatch {
 public:
  // Watches the first card of `telemetry`, which is the one trained on; without any, nothing.
  explicit GpuWatch(std::shared_ptr<Telemetry> telemetry, double interval_s = 1);
  ~GpuWatch();
  GpuWatch(const GpuWatch&) = delete;
  GpuWatch& operator=(const GpuWatch&) = delete;

  // The newest reading, if the card gives one.
  std::optional<double> latest(Metric metric) const;

  // The newest readings under the names of the metric catalogue, for metrics.jsonl; what cannot be read is left out.
  std::vector<std::pair<std::string, double>> latest_metrics() const;

  // So far; nothing when no card is watched.
  std::optional<GpuSummary> summary() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The card behind a CUDA device, by its UUID. A card that cannot be watched gives a Telemetry without cards.
std::shared_ptr<Telemetry> telemetry_of(int cuda_device);

}  // namespace wring

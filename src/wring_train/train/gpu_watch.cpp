#include "wring_train/train/gpu_watch.h"

#include <array>
#include <mutex>

#include "wring/base/error.h"
#include "wring/telemetry/sampler.h"
#include "wring_train/kernels/device_identity.h"

namespace wring {
namespace {

constexpr std::array kWritten = {Metric::gpu_util,      Metric::sm_activity, Metric::tensor_activity,
                                 Metric::dram_activity, Metric::memory_used, Metric::power,
                                 Metric::temperature,   Metric::sm_clock};

// Keeps the newest sample of the first card.
class Newest : public TickSink {
 public:
  void on_tick(const Tick& tick) override {
    if (tick.gpus.empty() || !tick.gpus.front().sample) return;
    const std::scoped_lock lock(mutex_);
    values_ = tick.gpus.front().sample->values;
  }
  std::optional<double> operator[](Metric metric) const {
    const std::scoped_lock lock(mutex_);
    return values_[static_cast<std::size_t>(metric)].optional();
  }

 private:
  mutable std::mutex mutex_;
  Readings values_{};
};

}  // namespace

struct GpuWatch::State {
  State(std::shared_ptr<Telemetry> telemetry, double interval_s)
      : summary(telemetry->gpus()), sampler(std::move(telemetry), options(interval_s)) {
    sampler.add(newest);
    sampler.add(summary);
    sampler.start();
  }

  static SamplerOptions options(double interval_s) {
    SamplerOptions options;
    options.interval_s = interval_s;
    return options;
  }

  Newest newest;
  SummaryBuilder summary;
  Sampler sampler;  // the last member: its threads end before what they write to
};

GpuWatch::GpuWatch(std::shared_ptr<Telemetry> telemetry, double interval_s) {
  if (telemetry && !telemetry->gpus().empty()) state_ = std::make_unique<State>(std::move(telemetry), interval_s);
}

GpuWatch::~GpuWatch() = default;

std::optional<double> GpuWatch::latest(Metric metric) const {
  return state_ ? state_->newest[metric] : std::nullopt;
}

std::vector<std::pair<std::string, double>> GpuWatch::latest_metrics() const {
  std::vector<std::pair<std::string, double>> values;
  for (const Metric metric : kWritten) {
    if (const auto value = latest(metric)) values.emplace_back(metric_row(metric).key, *value);
  }
  return values;
}

std::optional<GpuSummary> GpuWatch::summary() const {
  if (!state_) return std::nullopt;
  return state_->summary.summary().gpus.front();
}

std::shared_ptr<Telemetry> telemetry_of(int cuda_device) {
  TelemetryOptions options;
  options.processes = false;
  options.gpus = {kernels::device_uuid(cuda_device)};
  try {
    return open_telemetry(options);
  } catch (const Error&) {
    return nullptr;  // the driver shows no such card to NVML, as inside some containers
  }
}

}  // namespace wring

#pragma once
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "wring/gpu/telemetry.h"
#include "wring/telemetry/tick.h"

namespace wring::testing_support {

inline Gpu card(int index, const std::string& name = "NVIDIA H200", std::int64_t memory_mib = 143771) {
  Gpu gpu;
  gpu.index = index;
  gpu.name = name;
  gpu.uuid = "GPU-" + std::to_string(index);
  gpu.memory_total_mib = memory_mib;
  return gpu;
}

using Values = std::vector<std::pair<Metric, double>>;

inline GpuSample sample_at(double time_s, const Values& values) {
  GpuSample sample;
  sample.time_s = time_s;
  for (const auto& [metric, value] : values) sample[metric] = Reading::of(value);
  return sample;
}

// Cards that answer what the test says: `answer` is called with the card and how often that card has been asked.
class ScriptedTelemetry : public Telemetry {
 public:
  using Answer = std::function<GpuSample(std::size_t gpu, int call)>;
  ScriptedTelemetry(int cards, Answer answer) : answer_(std::move(answer)), calls_(static_cast<std::size_t>(cards)) {
    for (int i = 0; i < cards; ++i) gpus_.push_back(card(i));
  }

  const std::vector<Gpu>& gpus() const override { return gpus_; }
  GpuSample sample(std::size_t gpu) override {
    GpuSample sample = answer_(gpu, calls_[gpu]++);
    sample.time_s = steady_seconds();
    return sample;
  }
  GpuSource source() const override { return GpuSource::nvml; }
  const std::vector<GpuProblem>& problems() const override { return problems_; }
  const std::string& driver_version() const override { return driver_; }

 private:
  Answer answer_;
  std::vector<Gpu> gpus_;
  std::vector<std::atomic<int>> calls_;
  std::vector<GpuProblem> problems_;
  std::string driver_ = "580.65.06";
};

// A driver call that comes back only when the test lets it.
class Gate {
 public:
  void wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return open_; });
  }
  void open() {
    const std::scoped_lock lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
};

// Keeps ticks and lets the test wait for what it is after.
class Recorder : public TickSink {
 public:
  void on_tick(const Tick& tick) override {
    const std::scoped_lock lock(mutex_);
    ticks_.push_back(tick);
    changed_.notify_all();
  }
  // Waits until the condition holds of what came so far; false when it does not within half a minute.
  bool wait_for(const std::function<bool(const std::vector<Tick>&)>& condition) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(30), [&] { return condition(ticks_); });
  }
  std::vector<Tick> ticks() const {
    const std::scoped_lock lock(mutex_);
    return ticks_;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Tick> ticks_;
};

}  // namespace wring::testing_support

#include "wring/trial/utilisation.h"

#include <algorithm>
#include <array>
#include <mutex>
#include <utility>
#include <vector>

#include "wring/process/process_tree.h"
#include "wring/telemetry/distribution.h"
#include "wring/telemetry/sampler.h"

namespace wring {
namespace {

constexpr std::array kShares = {Metric::gpu_util, Metric::sm_activity, Metric::tensor_activity, Metric::dram_activity};
constexpr double kBetweenTrialsS = 1e6;  // the sampler rests

std::optional<std::int64_t> mib(const Reading& reading) {
  return reading.ok() ? std::optional(static_cast<std::int64_t>(reading.value)) : std::nullopt;
}

// What `process` and its descendants hold; absent where none of them is on the card's list.
std::optional<std::int64_t> memory_of(pid_t process, const GpuSample& sample) {
  if (process <= 0 || sample.processes.empty()) return std::nullopt;
  std::vector<pid_t> watched = descendants(process);
  watched.push_back(process);
  std::optional<std::int64_t> held;
  for (const GpuProcess& listed : sample.processes) {
    if (listed.memory_mib && std::ranges::find(watched, listed.pid) != watched.end()) {
      held = held.value_or(0) + *listed.memory_mib;
    }
  }
  return held;
}

// What one trial shows of the card.
struct Seen {
  pid_t process = 0;
  bool measuring = false;        // within the phase "measure"
  std::optional<double> last_s;  // of the reading before, within the same measurement
  std::vector<Distribution> shares{kShares.size(), Distribution(Distribution::Bins::tenths)};
  std::optional<std::int64_t> used_before, total, most_used, most_held;

  void add(const GpuSample& sample) {
    most_held = std::max(most_held, memory_of(process, sample));
    const auto used = mib(sample[Metric::memory_used]);
    if (!total) total = mib(sample[Metric::memory_total]);
    if (!used_before) used_before = used;
    most_used = std::max(most_used, used);
    if (!measuring) return;
    // A share tells of the time since the reading before: the first one of a measurement tells of the warm-up.
    if (last_s && sample.time_s > *last_s) {
      for (std::size_t i = 0; i < kShares.size(); ++i) {
        if (const Reading& share = sample[kShares[i]]; share.ok()) shares[i].add(share.value, sample.time_s - *last_s);
      }
    }
    last_s = sample.time_s;
  }

  std::optional<double> mean(std::size_t share) const {
    return shares[share].empty() ? std::nullopt : std::optional(shares[share].mean());
  }
};

}  // namespace

struct UtilisationMeter::State : TickSink {
  State(std::shared_ptr<Telemetry> telemetry, double interval)
      : interval_s(interval), sampler(std::move(telemetry), {.interval_s = kBetweenTrialsS, .on_sink_error = {}}) {
    sampler.add(*this);
  }

  void on_tick(const Tick& tick) override {
    const std::scoped_lock lock(mutex);
    if (tick.gpus.front().sample) seen.add(*tick.gpus.front().sample);
  }

  const double interval_s;
  std::mutex mutex;
  Seen seen;
  Sampler sampler;  // the last member: its threads end before what they write to
};

UtilisationMeter::UtilisationMeter(std::shared_ptr<Telemetry> telemetry, double interval_s) {
  if (telemetry && !telemetry->gpus().empty()) state_ = std::make_unique<State>(std::move(telemetry), interval_s);
}

UtilisationMeter::~UtilisationMeter() = default;

void UtilisationMeter::begin(pid_t process) {
  if (!state_) return;
  {
    const std::scoped_lock lock(state_->mutex);
    state_->seen = {};
    state_->seen.process = process;
  }
  state_->sampler.set_interval(state_->interval_s);
  state_->sampler.tick_now();
}

void UtilisationMeter::begin_measure() {
  if (!state_) return;
  {
    const std::scoped_lock lock(state_->mutex);
    if (std::exchange(state_->seen.measuring, true)) return;
    state_->seen.last_s.reset();
  }
  state_->sampler.tick_now();
}

void UtilisationMeter::end_measure() {
  if (!state_) return;
  std::unique_lock lock(state_->mutex);
  if (!state_->seen.measuring) return;
  lock.unlock();
  state_->sampler.tick_now();
  lock.lock();
  state_->seen.measuring = false;
}

TrialUtilisation UtilisationMeter::end() {
  TrialUtilisation utilisation;
  if (!state_) return utilisation;
  end_measure();
  state_->sampler.set_interval(kBetweenTrialsS);
  const std::scoped_lock lock(state_->mutex);
  utilisation.gpu_util = state_->seen.mean(0);
  utilisation.sm_activity = state_->seen.mean(1);
  utilisation.tensor_activity = state_->seen.mean(2);
  utilisation.dram_activity = state_->seen.mean(3);
  return utilisation;
}

std::optional<std::int64_t> UtilisationMeter::peak_memory_mib() const {
  if (!state_) return std::nullopt;
  const std::scoped_lock lock(state_->mutex);
  if (state_->seen.most_held) return state_->seen.most_held;
  if (!state_->seen.most_used || !state_->seen.used_before) return std::nullopt;
  return std::max<std::int64_t>(0, *state_->seen.most_used - *state_->seen.used_before);
}

std::optional<std::int64_t> UtilisationMeter::memory_free_mib() const {
  if (!state_) return std::nullopt;
  const std::scoped_lock lock(state_->mutex);
  if (!state_->seen.total || !state_->seen.used_before) return std::nullopt;
  return *state_->seen.total - *state_->seen.used_before;
}

std::optional<std::int64_t> UtilisationMeter::memory_total_mib() const {
  if (!state_) return std::nullopt;
  const std::scoped_lock lock(state_->mutex);
  return state_->seen.total;
}

}  // namespace wring

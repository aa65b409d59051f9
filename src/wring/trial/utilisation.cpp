#include "wring/trial/utilisation.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include <pthread.h>
#include <signal.h>

#include "wring/process/process_tree.h"

namespace wring {
namespace {

using namespace std::chrono_literals;

constexpr std::array kShares = {Metric::gpu_util, Metric::sm_activity, Metric::tensor_activity, Metric::dram_activity};
// The end of the trial waits this long for a reading that runs now, and the meter's end for its thread.
constexpr auto kPatience = 500ms;

struct WeightedMean {
  double sum = 0;
  double weight = 0;
  void add(double value, double seconds) {
    sum += value * seconds;
    weight += seconds;
  }
  std::optional<double> value() const { return weight > 0 ? std::optional(sum / weight) : std::nullopt; }
};

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

}  // namespace

// What the thread shares with the meter. A thread whose driver call never comes back keeps it alive.
struct UtilisationMeter::Shared {
  explicit Shared(std::shared_ptr<Telemetry> source, double interval)
      : telemetry(std::move(source)), interval_s(interval) {}

  const std::shared_ptr<Telemetry> telemetry;
  const double interval_s;

  std::mutex mutex;
  std::condition_variable change;
  bool running = false;    // between begin() and end()
  bool measuring = false;  // and within the phase "measure"
  bool wanted = false;     // a reading now, whenever the next one is due
  bool leave = false;
  bool left = false;
  std::int64_t readings = 0;

  pid_t process = 0;
  std::optional<double> last_s;  // of the reading before, within the same measurement
  std::array<WeightedMean, kShares.size()> means;
  std::optional<std::int64_t> used_before, free_before, total, most_used, most_held;

  void serve() {
    std::unique_lock lock(mutex);
    while (true) {
      change.wait_for(lock, std::chrono::duration<double>(interval_s), [&] { return leave || wanted; });
      if (!leave && !running) change.wait(lock, [&] { return leave || running; });
      if (leave) break;
      wanted = false;
      const pid_t watched = process;
      lock.unlock();
      const GpuSample sample = telemetry->sample(0);
      const auto held = memory_of(watched, sample);
      lock.lock();
      if (watched == process) take(sample, held);
      ++readings;
      change.notify_all();
    }
    left = true;
    change.notify_all();
  }

  void take(const GpuSample& sample, std::optional<std::int64_t> held) {
    most_held = std::max(most_held, held);
    const auto used = mib(sample[Metric::memory_used]);
    if (!total) total = mib(sample[Metric::memory_total]);
    if (!used_before) used_before = used;
    most_used = std::max(most_used, used);
    if (!measuring) return;
    // A share tells of the time since the reading before: the first one of a measurement tells of the warm-up.
    if (last_s && sample.time_s > *last_s) {
      for (std::size_t i = 0; i < kShares.size(); ++i) {
        if (const Reading& share = sample[kShares[i]]; share.ok()) means[i].add(share.value, sample.time_s - *last_s);
      }
    }
    last_s = sample.time_s;
  }

  // Waits for a reading that begins now.
  void read_now(std::unique_lock<std::mutex>& lock) {
    const std::int64_t before = readings;
    wanted = true;
    change.notify_all();
    change.wait_for(lock, kPatience, [&] { return readings > before && !wanted; });
  }
};

UtilisationMeter::UtilisationMeter(std::shared_ptr<Telemetry> telemetry, double interval_s) {
  if (!telemetry || telemetry->gpus().empty()) return;
  shared_ = std::make_shared<Shared>(std::move(telemetry), interval_s);
  sigset_t all, before;  // the program's signals go to its other threads
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread([shared = shared_] { shared->serve(); }).detach();
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

UtilisationMeter::~UtilisationMeter() {
  if (!shared_) return;
  std::unique_lock lock(shared_->mutex);
  shared_->leave = true;
  shared_->change.notify_all();
  shared_->change.wait_for(lock, kPatience, [&] { return shared_->left; });
}

void UtilisationMeter::begin(pid_t process) {
  if (!shared_) return;
  std::unique_lock lock(shared_->mutex);
  shared_->running = true;
  shared_->measuring = false;
  shared_->process = process;
  shared_->last_s.reset();
  shared_->means = {};
  shared_->used_before.reset();
  shared_->most_used.reset();
  shared_->most_held.reset();
  shared_->total.reset();
  shared_->read_now(lock);
}

void UtilisationMeter::begin_measure() {
  if (!shared_) return;
  std::unique_lock lock(shared_->mutex);
  if (shared_->measuring) return;
  shared_->measuring = true;
  shared_->last_s.reset();
  shared_->read_now(lock);
}

void UtilisationMeter::end_measure() {
  if (!shared_) return;
  std::unique_lock lock(shared_->mutex);
  if (shared_->measuring) shared_->read_now(lock);
  shared_->measuring = false;
}

TrialUtilisation UtilisationMeter::end() {
  TrialUtilisation utilisation;
  if (!shared_) return utilisation;
  end_measure();
  const std::scoped_lock lock(shared_->mutex);
  shared_->running = false;
  const auto& means = shared_->means;
  utilisation.gpu_util = means[0].value();
  utilisation.sm_activity = means[1].value();
  utilisation.tensor_activity = means[2].value();
  utilisation.dram_activity = means[3].value();
  return utilisation;
}

std::optional<std::int64_t> UtilisationMeter::peak_memory_mib() const {
  if (!shared_) return std::nullopt;
  const std::scoped_lock lock(shared_->mutex);
  if (shared_->most_held) return shared_->most_held;
  if (!shared_->most_used || !shared_->used_before) return std::nullopt;
  return std::max<std::int64_t>(0, *shared_->most_used - *shared_->used_before);
}

std::optional<std::int64_t> UtilisationMeter::memory_free_mib() const {
  if (!shared_) return std::nullopt;
  const std::scoped_lock lock(shared_->mutex);
  if (!shared_->total || !shared_->used_before) return std::nullopt;
  return *shared_->total - *shared_->used_before;
}

std::optional<std::int64_t> UtilisationMeter::memory_total_mib() const {
  if (!shared_) return std::nullopt;
  const std::scoped_lock lock(shared_->mutex);
  return shared_->total;
}

}  // namespace wring

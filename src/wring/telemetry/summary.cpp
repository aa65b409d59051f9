#include "wring/telemetry/summary.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <mutex>

#include "wring/gpu/nvml/missing_util.h"
#include "wring/telemetry/distribution.h"
#include "wring/telemetry/throttle.h"

namespace wring {
namespace {

constexpr double kLongestHold = 3;  // intervals that a reading describes at most

Distribution::Bins bins_for(MetricKind kind) {
  return kind == MetricKind::share ? Distribution::Bins::tenths : Distribution::Bins::one_percent;
}

MetricSummary summary_of(const Distribution& values, double duration_s) {
  MetricSummary summary;
  summary.mean = values.mean();
  summary.p50 = values.quantile(0.5);
  summary.p95 = values.quantile(0.95);
  summary.max = values.max();
  summary.under_10_share = values.share_below(10);
  summary.deviation = values.deviation();
  if (duration_s > 0) summary.coverage = std::min(1.0, values.weight() / duration_s);
  return summary;
}

std::optional<MetricSummary> optional_summary(const Distribution& values, double duration_s) {
  return values.empty() ? std::nullopt : std::optional(summary_of(values, duration_s));
}

// How much time the sample at time_s describes, given when the one before it was taken.
class Hold {
 public:
  double until(double time_s, double interval_s) {
    const double since = last_s_ ? time_s - *last_s_ : 0;
    last_s_ = time_s;
    return std::clamp(since, 0.0, kLongestHold * interval_s);
  }

 private:
  std::optional<double> last_s_;
};

// A counter that only grows, and starts again from 0 when the driver is loaded anew.
class Growth {
 public:
  // Since the reading before it; absent for the first one and where the counter started again.
  std::optional<double> add(double counter) {
    const std::optional<double> before = last_;
    last_ = counter;
    if (!before || counter < *before) return std::nullopt;
    total_ = total_.value_or(0) + (counter - *before);
    return counter - *before;
  }
  std::optional<double> total() const { return total_; }

 private:
  std::optional<double> last_, total_;
};

// One card's part of the run so far.
class Card {
 public:
  Card(Gpu gpu, bool of_command) : gpu_(std::move(gpu)), phases_(of_command) {
    for (const MetricRow& row : metric_rows()) values_.emplace_back(bins_for(row.kind));
  }

  void add(const GpuTick& tick, const Tick& all) {
    stuck_for_s_ = tick.stuck_for_s;
    if (!tick.sample) return;
    const GpuSample& sample = *tick.sample;
    const double held_s = hold_.until(sample.time_s, all.interval_s);
    for (const std::int64_t xid : sample.xids) ++xids_[xid];
    if (sample.problem) {
      problem_ = sample.problem;
      hardware_before_ = false;
      return;
    }
    ++samples_;
    for (const MetricRow& row : metric_rows()) {
      if (row.kind != MetricKind::counter) add(row, sample[row.metric], held_s);
    }
    add_energy(sample, held_s);
    if (sample[Metric::ecc_uncorrected].ok()) ecc_.add(sample[Metric::ecc_uncorrected].value);
    if (sample[Metric::memory_total].ok()) memory_total_mib_ = sample[Metric::memory_total].value;
    add_throttling(sample.throttle_reasons, held_s);
    util_ = sample[Metric::gpu_util];
    phases_.add({sample, all.host, held_s, all.program});
  }

  GpuSummary summary(double duration_s, bool ended) const {
    GpuSummary summary;
    summary.gpu = gpu_;
    for (std::size_t i = 0; i < kMetricCount; ++i) summary.metrics[i] = optional_summary(values_[i], duration_s);
    const Distribution& memory = values_[static_cast<std::size_t>(Metric::memory_used)];
    if (!memory.empty()) summary.peak_memory_mib = memory.max();
    if (memory_total_mib_) summary.gpu.memory_total_mib = std::llround(*memory_total_mib_);
    summary.energy_from_counter = energy_.total().has_value();
    if (summary.energy_from_counter) {
      summary.energy_j = *energy_.total() + energy_around_resets_j_;
    } else if (power_seconds_ > 0) {
      summary.energy_j = integrated_j_;
    }
    summary.ecc_errors = ecc_.total();
    if (throttle_known_s_ > 0) {
      summary.throttled_share = throttled_s_ / throttle_known_s_;
      summary.power_throttled_share = power_throttled_s_ / throttle_known_s_;
      summary.heat_throttled_share = heat_throttled_s_ / throttle_known_s_;
    }
    summary.samples = samples_;
    summary.rejected = rejected_;
    summary.problem = problem_ ? problem_ : gpu_.problem;
    summary.stuck_for_s = stuck_for_s_;
    summary.xids = xids_;
    summary.phases = phases_.summary(ended);
    const bool unreadable = !util_.ok() && util_.code != Reading::kNoData;
    if (samples_ > 0 && !summary[Metric::gpu_util] && unreadable) summary.no_util = why_no_gpu_util(gpu_, util_);
    return summary;
  }

 private:
  void add(const MetricRow& row, const Reading& reading, double held_s) {
    if (const std::optional<double> value = plausible(row, reading)) {
      values_[static_cast<std::size_t>(row.metric)].add(*value, held_s);
    } else if (reading.ok() || reading.code == Reading::kRejected) {
      ++rejected_;
    }
  }

  void add_energy(const GpuSample& sample, double held_s) {
    const std::optional<double> power_w = plausible(metric_row(Metric::power), sample[Metric::power]);
    const double by_power_j = power_w.value_or(0) * held_s;
    if (power_w) {
      integrated_j_ += by_power_j;
      power_seconds_ += held_s;
    }
    const std::optional<double> counter_j = plausible(metric_row(Metric::energy), sample[Metric::energy]);
    if (!counter_j) return;
    const bool first = !counter_seen_;
    counter_seen_ = true;
    if (!energy_.add(*counter_j) && !first) energy_around_resets_j_ += by_power_j;
  }

  void add_throttling(std::optional<std::uint64_t> reasons, double held_s) {
    if (!reasons) {
      hardware_before_ = false;
      return;
    }
    throttle_known_s_ += held_s;
    const bool power = (*reasons & kThrottleByPower) != 0;
    const bool heat = (*reasons & kThrottleByHeat) != 0;
    // The driver also reports this one for a moment when the performance state changes, so it must last.
    const bool hardware = (*reasons & throttle_hardware) != 0;
    if (power) power_throttled_s_ += held_s;
    if (heat) heat_throttled_s_ += held_s;
    if (power || heat || (hardware && hardware_before_)) throttled_s_ += held_s;
    hardware_before_ = hardware;
  }

  Gpu gpu_;
  Hold hold_;
  std::vector<Distribution> values_;  // by Metric
  Growth energy_, ecc_;
  bool counter_seen_ = false;
  double energy_around_resets_j_ = 0;
  double integrated_j_ = 0, power_seconds_ = 0;
  double throttle_known_s_ = 0, throttled_s_ = 0, power_throttled_s_ = 0, heat_throttled_s_ = 0;
  bool hardware_before_ = false;
  std::optional<double> memory_total_mib_;
  std::int64_t samples_ = 0, rejected_ = 0;
  std::optional<GpuProblem> problem_;
  std::optional<double> stuck_for_s_;
  std::map<std::int64_t, std::int64_t> xids_;
  PhaseHistory phases_;
  Reading util_;  // the last one
};

// The computer's part.
class Host {
 public:
  void add(const HostSample& sample, double interval_s) {
    const double held_s = hold_.until(sample.time_s, interval_s);
    if (sample.cpu_percent) cpu_.add(*sample.cpu_percent, held_s);
    if (sample.busiest_core_percent) busiest_core_.add(*sample.busiest_core_percent, held_s);
    if (sample.iowait_percent) iowait_.add(*sample.iowait_percent, held_s);
    if (sample.disk_read_mib_s) disk_read_.add(*sample.disk_read_mib_s, held_s);
    if (sample.memory_used_mib) {
      peak_memory_mib_ = std::max(peak_memory_mib_.value_or(0), static_cast<double>(*sample.memory_used_mib));
    }
  }

  void describe(Summary& summary) const {
    summary.host_cpu = optional_summary(cpu_, summary.duration_s);
    summary.host_busiest_core = optional_summary(busiest_core_, summary.duration_s);
    summary.host_iowait = optional_summary(iowait_, summary.duration_s);
    summary.host_disk_read_mib_s = optional_summary(disk_read_, summary.duration_s);
    summary.host_peak_memory_mib = peak_memory_mib_;
  }

 private:
  Hold hold_;
  Distribution cpu_{Distribution::Bins::tenths};
  Distribution busiest_core_{Distribution::Bins::tenths};
  Distribution iowait_{Distribution::Bins::tenths};
  Distribution disk_read_{Distribution::Bins::one_percent};
  std::optional<double> peak_memory_mib_;
};

}  // namespace

struct SummaryBuilder::State {
  mutable std::mutex mutex;
  std::vector<Card> cards;
  Host host;
  std::optional<double> first_s;
  double last_s = 0;
  double interval_s = 0;
  std::int64_t ticks = 0;
  std::int64_t missed = 0;
  bool of_command = false;
  bool ended = false;
};

SummaryBuilder::SummaryBuilder(std::vector<Gpu> gpus, bool of_command) : state_(std::make_unique<State>()) {
  state_->of_command = of_command;
  for (Gpu& gpu : gpus) state_->cards.emplace_back(std::move(gpu), of_command);
}

void SummaryBuilder::command_ended() {
  const std::scoped_lock lock(state_->mutex);
  state_->ended = true;
}

SummaryBuilder::~SummaryBuilder() = default;

void SummaryBuilder::on_tick(const Tick& tick) {
  const std::scoped_lock lock(state_->mutex);
  if (!state_->first_s) state_->first_s = tick.time_s;
  state_->last_s = tick.time_s;
  state_->interval_s = tick.interval_s;
  state_->missed = tick.missed;
  ++state_->ticks;
  for (std::size_t i = 0; i < state_->cards.size() && i < tick.gpus.size(); ++i) {
    state_->cards[i].add(tick.gpus[i], tick);
  }
  state_->host.add(tick.host, tick.interval_s);
}

Summary SummaryBuilder::summary() const {
  const std::scoped_lock lock(state_->mutex);
  Summary summary;
  summary.duration_s = state_->first_s ? state_->last_s - *state_->first_s : 0;
  summary.interval_s = state_->interval_s;
  summary.ticks = state_->ticks;
  summary.missed = state_->missed;
  summary.of_command = state_->of_command;
  for (const Card& card : state_->cards) summary.gpus.push_back(card.summary(summary.duration_s, state_->ended));
  state_->host.describe(summary);
  return summary;
}

std::optional<double> GpuSummary::memory_total_mib() const {
  return gpu.memory_total_mib ? std::optional(static_cast<double>(*gpu.memory_total_mib)) : std::nullopt;
}

bool Summary::lost_a_card() const {
  return std::ranges::any_of(gpus, [](const GpuSummary& card) { return card.problem || card.stuck_for_s; });
}

Summary summarize(std::span<const Tick> ticks, const std::vector<Gpu>& gpus) {
  SummaryBuilder builder(gpus);
  for (const Tick& tick : ticks) builder.on_tick(tick);
  return builder.summary();
}

}  // namespace wring

#include "wring/telemetry/phase_history.h"

#include <algorithm>

namespace wring {
namespace {

// Half of them are settled at a time: at one a second with at least seven minutes behind and before them.
constexpr std::size_t kMostMoments = 900;

// A context takes 60 MiB on the smallest cards and 500 on an H200; a driver without any program holds a few.
constexpr double kContextMib = 32;

std::optional<double> reading(const GpuSample& sample, Metric metric) {
  return plausible(metric_row(metric), sample[metric]);
}

std::optional<double> work_of(const GpuSample& sample) {
  const auto util = reading(sample, Metric::gpu_util);
  return util ? util : reading(sample, Metric::sm_activity);
}

}  // namespace

void PhaseHistory::add(Moment moment) {
  moment.sample.processes.clear();
  const auto used = reading(moment.sample, Metric::memory_used);
  if (used) least_used_mib_ = std::min(least_used_mib_.value_or(*used), *used);
  PhaseTick tick;
  tick.held_s = moment.held_s;
  tick.work = work_of(moment.sample);
  tick.context = has_context(moment.sample);
  known_ = known_ || tick.work.has_value();
  const std::optional<ProgramSample> program = moment.program;
  moment.program.reset();
  newest_.push_back(std::move(moment));
  ticks_.push_back(tick);
  if (program) fill_in_program(*program);
  if (newest_.size() > kMostMoments) settle();
}

// Work proves it; else the memory in use does, against what was in use before the command, or where the driver tells
// its own memory apart.
std::optional<bool> PhaseHistory::has_context(const GpuSample& sample) const {
  for (const Metric metric : {Metric::gpu_util, Metric::sm_activity}) {
    if (reading(sample, metric).value_or(0) >= kLeastWork) return true;
  }
  const auto used = reading(sample, Metric::memory_used);
  if (!used) return std::nullopt;
  if (from_start_) return *used >= *least_used_mib_ + kContextMib;
  return sample[Metric::memory_reserved].ok() ? std::optional(*used >= kContextMib) : std::nullopt;
}

// It describes the time since the one before it.
void PhaseHistory::fill_in_program(const ProgramSample& program) {
  const double since_s = newest_.back().sample.time_s - program.window_s;
  const bool full = program.readers > 0 && readers_full(program);
  for (std::size_t after = newest_.size(); after > 0; --after) {
    auto& one = newest_[after - 1];
    if (one.sample.time_s <= since_s || one.program) return;
    one.program = program;
    ticks_[after - 1].readers_full = full;
  }
}

std::vector<Phase> PhaseHistory::phases(bool ended) const {
  return recognise_phases(ticks_, {.from_start = from_start_, .steady_before = steady_before_, .ended = ended});
}

double PhaseSummary::all_s() const {
  double all = 0;
  for (const double part : seconds) all += part;
  return all;
}

void PhaseHistory::Totals::add(const Moment& moment, const PhaseTick& tick, Phase phase) {
  if (tick.work.value_or(0) >= kLeastWork) worked_s += moment.held_s;
  seconds[static_cast<std::size_t>(phase)] += moment.held_s;
  if (phase == Phase::steady) steady.add(moment);
}

void PhaseHistory::settle() {
  const std::vector<Phase> now = phases(false);
  const std::size_t half = newest_.size() / 2;
  for (std::size_t i = 0; i < half; ++i) {
    settled_.add(newest_[i], ticks_[i], now[i]);
    steady_before_ = steady_before_ || now[i] == Phase::steady;
  }
  newest_.erase(newest_.begin(), newest_.begin() + static_cast<std::ptrdiff_t>(half));
  ticks_.erase(ticks_.begin(), ticks_.begin() + static_cast<std::ptrdiff_t>(half));
}

PhaseSummary PhaseHistory::summary(bool ended) const {
  Totals all = settled_;
  const std::vector<Phase> now = phases(ended);
  for (std::size_t i = 0; i < newest_.size(); ++i) all.add(newest_[i], ticks_[i], now[i]);
  return {all.seconds, known_, all.worked_s, all.steady.part()};
}

}  // namespace wring

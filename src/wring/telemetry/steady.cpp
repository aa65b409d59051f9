#include "wring/telemetry/steady.h"

#include "wring/telemetry/throttle.h"

namespace wring {

void SteadySums::add(const Moment& moment) {
  const double held_s = moment.held_s;
  seconds_ += held_s;
  for (const MetricRow& row : metric_rows()) {
    const std::optional<double> value = plausible(row, moment.sample[row.metric]);
    means_[static_cast<std::size_t>(row.metric)].add(value, held_s);
    if (row.metric == Metric::gpu_util && value && held_s > 0) gpu_util_.add(*value, held_s);
  }
  if (const auto& reasons = moment.sample.throttle_reasons) {
    power_throttled_.add((*reasons & kThrottleByPower) != 0 ? 100.0 : 0.0, held_s);
    heat_throttled_.add((*reasons & kThrottleByHeat) != 0 ? 100.0 : 0.0, held_s);
  }
  host_cpu_.add(moment.host.cpu_percent, held_s);
  host_busiest_core_.add(moment.host.busiest_core_percent, held_s);
  host_iowait_.add(moment.host.iowait_percent, held_s);
  if (moment.program) add_program(*moment.program, held_s);
}

void SteadySums::add_program(const ProgramSample& program, double held_s) {
  launching_.add(program.launching, held_s);
  backward_.add(program.backward, held_s);
  readers_.add(program.readers, held_s);
  busiest_reader_.add(program.busiest_reader, held_s);
  read_mib_s_.add(program.read_mib_s, held_s);
  readers_busy_.add(program.readers_busy, held_s * program.readers);
  readers_wanting_.add(program.readers_wanting, held_s * program.readers);
  readers_at_disk_.add(program.readers_at_disk, held_s * program.readers);
}

SteadyPart SteadySums::part() const {
  SteadyPart part;
  part.seconds = seconds_;
  for (std::size_t i = 0; i < kMetricCount; ++i) part.means[i] = means_[i].value();
  part.covered_s = gpu_util_.weight();
  if (gpu_util_.empty()) {  // a MIG instance has none
    part.covered_s = means_[static_cast<std::size_t>(Metric::sm_activity)].weight;
  } else {
    part.gpu_util_max = gpu_util_.max();
    part.gpu_util_deviation = gpu_util_.deviation();
    part.gpu_util_under_10 = 100 * gpu_util_.share_below(10);
  }
  part.power_throttled = power_throttled_.value().value_or(0);
  part.heat_throttled = heat_throttled_.value().value_or(0);
  part.host_cpu = host_cpu_.value();
  part.host_busiest_core = host_busiest_core_.value();
  part.host_iowait = host_iowait_.value();
  if (const auto launching = launching_.value()) {
    ProgramMeans program;
    program.launching = *launching;
    if (backward_.weight > 0 && launching_.sum > 0) program.backward = 100 * backward_.sum / launching_.sum;
    program.readers = readers_.value().value_or(0);
    program.busiest_reader = busiest_reader_.value().value_or(0);
    program.read_mib_s = read_mib_s_.value();
    program.readers_busy = readers_busy_.value().value_or(0);
    program.readers_wanting = readers_wanting_.value().value_or(0);
    program.readers_at_disk = readers_at_disk_.value().value_or(0);
    part.program = program;
  }
  return part;
}

}  // namespace wring

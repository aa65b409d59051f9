#pragma once
#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>

#include "wring/gpu/host.h"
#include "wring/gpu/program.h"
#include "wring/gpu/telemetry.h"
#include "wring/telemetry/distribution.h"

namespace wring {

// A program's ProgramSample, averaged over time.
struct ProgramMeans {
  double launching = 0;
  std::optional<double> backward;  // per cent of `launching`; absent where no autograd thread was seen
  double readers = 0;              // at work
  double readers_busy = 0;
  double busiest_reader = 0;
  double readers_wanting = 0;
  double readers_at_disk = 0;
  std::optional<double> read_mib_s;
};

// A worker that is ahead of the card sleeps most of the time; one that is behind never does. Per cent.
inline constexpr double kReaderFull = 75;
// One Python process that loads data keeps one core at 100; 90 leaves room for the rest.
inline constexpr double kCoreBusy = 90;

// Whether the program's readers have all that they can do, by a ProgramSample or its means; it says nothing where there
// are none.
template <typename Program>
bool readers_full(const Program& program) {
  return std::max(program.readers_busy, program.readers_wanting) >= kReaderFull || program.busiest_reader >= kCoreBusy;
}

// What was measured of one card, its computer and its program while it trained (Phase::steady); what verdicts are made
// from. Means weighted by time, in per cent unless the name says otherwise; absent is what could not be measured.
struct SteadyPart {
  double seconds = 0;    // of it
  double covered_s = 0;  // of it described by GPU-Util, or by SM activity where there is none
  std::array<std::optional<double>, kMetricCount> means;
  std::optional<double> gpu_util_max;
  std::optional<double> gpu_util_deviation;  // standard deviation over the samples: a sawtooth where it is large
  std::optional<double> gpu_util_under_10;   // share of the time
  double power_throttled = 0;                // share of the time
  double heat_throttled = 0;
  std::optional<double> host_cpu;  // of all cores together
  std::optional<double> host_busiest_core;
  std::optional<double> host_iowait;
  std::optional<ProgramMeans> program;

  std::optional<double> mean(Metric metric) const { return means[static_cast<std::size_t>(metric)]; }
};

// One reading of a card with what stood beside it. The program's is filled in when it comes: it is read more rarely,
// and describes the time before.
struct Moment {
  GpuSample sample;
  HostSample host;
  double held_s = 0;  // the time that it describes
  std::optional<ProgramSample> program;
};

// Sums of moments, in the memory of one.
class SteadySums {
 public:
  void add(const Moment& moment);
  SteadyPart part() const;

 private:
  struct Mean {
    double sum = 0, weight = 0;
    void add(std::optional<double> value, double by) {
      if (!value) return;
      sum += *value * by;
      weight += by;
    }
    std::optional<double> value() const { return weight > 0 ? std::optional(sum / weight) : std::nullopt; }
  };
  void add_program(const ProgramSample& program, double held_s);

  double seconds_ = 0;
  std::array<Mean, kMetricCount> means_;
  Distribution gpu_util_{Distribution::Bins::tenths};
  Mean power_throttled_, heat_throttled_;
  Mean host_cpu_, host_busiest_core_, host_iowait_;
  Mean launching_, backward_, readers_, busiest_reader_, read_mib_s_;
  Mean readers_busy_, readers_wanting_, readers_at_disk_;  // weighted by the number of readers too
};

}  // namespace wring

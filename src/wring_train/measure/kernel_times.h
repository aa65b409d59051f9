#pragma once
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "wring/trace/kernel_kinds.h"

namespace wring {

// The kernels and copies of some steps on the GPU, as LibTorch's profiler (CUPTI) records them.
struct KernelTime {
  std::string name;
  KernelKind kind = KernelKind::other;
  double calls_per_step = 0;
  double us_per_step = 0;
};
struct KernelTimes {
  std::vector<KernelTime> kernels;    // the longest first
  std::vector<KernelKindTime> kinds;  // the longest first
  double busy_us_per_step = 0;        // at least one kernel ran
  double span_us_per_step = 0;        // from the first kernel's start to the last one's end
};

// Runs `run` (which enqueues `steps` steps and waits for them) under the profiler. `sixteen_bit`: what the step
// computes in, for kernel_kind().
KernelTimes record_kernel_times(int steps, bool sixteen_bit, const std::function<void()>& run);

// The share of a step in which a kernel or copy ran, in per cent. `step_ms`: as measured without the profiler, which
// makes launches dearer and kernels hardly. Absent where the profiler saw nothing.
std::optional<double> kernel_busy_percent(const KernelTimes& times, double step_ms);

}  // namespace wring

#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "wring/config/patcher.h"
#include "wring/trace/kernel_kinds.h"

namespace wring {

// Where the batches of a trial come from. The three rates' ratios are the diagnosis.
enum class TrialData {
  real,      // the loader, as in training
  resident,  // one batch that stays on the device
  loader,    // the loader alone: no step at all
};

struct TrialMeasure {
  TrialData data = TrialData::real;
  double min_seconds = 0.5;    // of measured steps, after the warm-up
  double max_seconds = 5;      // then it ends with two steps at least, however wide the interval still is
  double rel_ci = 0.02;        // half-width of the median's 95 % confidence interval, relative, at which it may end
  std::int64_t min_steps = 2;  // optimiser steps, unless max_seconds end before
  bool validate = false;       // a validation on the largest images in between, as training has them
  bool kernels = false;        // afterwards what the step's kernels do: kernel_busy_percent, kernels and arithmetic
};

// One measurement of a training step: the config with `set` in place of its values.
struct TrialRequest {
  std::vector<Assignment> set;
  TrialMeasure measure;
  // The whole trial may take so long, the start of a program included; then it is ended: cut_off. Kept by the
  // supervisor, the worker does not know.
  std::optional<double> time_limit_s = {};
  bool fresh = false;  // measured anew, whatever is kept of earlier runs
};

// A trial that does not fit or does not end is an outcome, not an accident.
enum class TrialOutcome {
  ok,
  oom,      // of the device, or of memory that cuBLAS or cuDNN wanted
  error,    // the program said so, or ended or crashed by itself
  hang,     // no event within its time: killed by the supervisor
  killed,   // by a signal that we did not send: where it is SIGKILL, most likely for host memory
  cut_off,  // by its time limit: says nothing of its size
};

struct StepTimes {
  double median = 0;  // ms, as all three
  double mad = 0;     // median absolute deviation
  double p95 = 0;
  std::int64_t n = 0;  // measured steps
};

// In MiB. Absent where a program does not say, or there is no GPU.
struct TrialMemory {
  std::optional<std::int64_t> peak_allocated_mib;
  std::optional<std::int64_t> peak_reserved_mib;
  std::optional<std::int64_t> alloc_retries;  // more than 0: it fits only by giving memory back again and again
  std::optional<std::int64_t> device_free_mib;
  std::optional<std::int64_t> device_total_mib;
};

// Means over the measured time, by NVML from outside the process; absent without NVML. Per cent.
struct TrialUtilisation {
  std::optional<double> gpu_util;
  std::optional<double> sm_activity;
  std::optional<double> tensor_activity;
  std::optional<double> dram_activity;
};

// What a step asks of the arithmetic units, and what those reach here. Absent where a program does not say.
struct TrialArithmetic {
  std::optional<double>
      tflop_per_step;  // 10¹² operations that network and loss need, of one optimiser step on one card
  std::optional<double> matmul_tflops;  // TFLOP/s that one large product reached on this device, in `precision`
  std::string precision;                // "bf16", "fp16", "TF32", "fp32": what the step's products run in
};

// No loader's rate: the GPU cuts its batches from images in its own reach, no loader runs.
inline constexpr const char* kImagesOnDevice = "images_on_device";

struct TrialResult {
  TrialOutcome outcome = TrialOutcome::ok;
  std::string message;                  // of whatever is not ok: the program's own words, the line that says why first;
                                        // of cut_off the phase that it was in, then its last words
  std::optional<double> samples_per_s;  // of what is ok, absent where there is none to tell: no_rate says why
  std::string no_rate;                  // kImagesOnDevice, or the program's own words; "" beside a rate
  StepTimes step_ms;
  std::optional<double> data_wait_ms;  // a step's wait for its batch
  double warmup_s = 0;
  std::optional<double> loss;
  std::optional<double> kernel_busy_percent;  // of a step in which any kernel or copy ran; where it was asked for
  std::vector<KernelKindTime> kernels;        // of a step, the longest kind first; where it was asked for
  TrialArithmetic arithmetic;
  std::string engine;  // "graph, fused"; "" where the program does not say
  TrialMemory memory;
  TrialUtilisation utilisation;
  double seconds = 0;   // of the whole trial, as the supervisor saw it
  bool reused = false;  // measured by an earlier run
};

// Phases of a trial that supervisors name themselves, beside those of the protocol ("load", "warmup", "measure",
// "validate").
inline constexpr const char* kStartPhase = "start";           // of a worker, until its first event
inline constexpr const char* kFirstRatePhase = "first_rate";  // of a program that prints its rates, until the first

// Runs trials one at a time: in child processes, from a recording, or on a simulated card. Never throws for a trial
// that fails; throws Error where trials cannot be run at all (no such program, a config that it refuses).
class TrialRunner {
 public:
  virtual ~TrialRunner() = default;
  virtual TrialResult run(const TrialRequest& request) = 0;
};

}  // namespace wring

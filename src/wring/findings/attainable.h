#pragma once
#include <optional>

#include "wring/agent/observation.h"
#include "wring/trace/step_work.h"
#include "wring/trial/trial.h"

namespace wring {

// A step that reaches this share of the rate of one large product is a good one, per cent. cuDNN's layers of 96 to 512
// channels reach 65 to 100 % of it alone, and a step has passes besides. On an H200 steps at 60 to 75 % left an
// expert's PyTorch behind by half; at 42 % and below the expert's was faster.
inline constexpr double kAttainedWell = 55;

// A step beside what its card attains: its convolutions and products at the rate of one large product in the same
// precision, measured on the same card. No step reaches it; well-written ones come near.
struct Attainable {
  double needed_ms = 0;      // of a step's products at that rate
  double step_ms = 0;        // as measured
  double share_percent = 0;  // needed of measured: MFU against the measured rate
  double reach = 1;          // how many times as fast a step of nothing but those products would be
};

// Absent where the step's operations or the rate are not known.
std::optional<Attainable> attainable(const TrialResult& result);

// The same of a program's step, whose operations the trace tells, at the rate that its agent measured. Absent too where
// most of its products are of another type than the rate's, or fp32 products and convolutions differ in TF32.
std::optional<Attainable> attainable(const Observation& seen, const StepWork& work, double step_ms);

// The time of a kind in a step, in per cent of the step; of all kinds together never more than 100, although recording
// makes kernels a little longer. 0 where it did not run.
double kind_percent(const TrialResult& result, KernelKind kind);

// The rate of the products alone over that of one large product, in per cent. Absent where the kernels are not known.
std::optional<double> product_rate_percent(const TrialResult& result);

}  // namespace wring

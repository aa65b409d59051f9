#pragma once
#include <cstdint>
#include <optional>
#include <span>

#include "wring/base/text.h"
#include "wring/trial/trial.h"

namespace wring {

// One measured size: what was read at this batch.
struct LinePoint {
  std::int64_t batch = 0;
  double value = 0;
};

// value = intercept + slope · batch.
struct Line {
  double intercept = 0;
  double slope = 0;
  double residual = 0;           // largest distance of a point from the line, outliers apart, in the value's unit
  double relative_residual = 0;  // the same as a share: of the line there (times), of the largest value (memory)
  std::int64_t from = 0;         // the batches that it was fitted to
  std::int64_t to = 0;
  int sizes = 0;     // different batches
  int outliers = 0;  // points that the fit set aside

  double at(double batch) const { return intercept + slope * batch; }
};

// A line, or why there is none.
struct LineFit {
  std::optional<Line> line;
  Text refusal;
};

// Fewer sizes than this fit any line.
inline constexpr int kMinLineSizes = 3;
// A memory line that misses by more of its value than this predicts nothing: a jump to the limit would be a guess.
inline constexpr double kWorstMemoryResidual = 0.10;
// Step times vary more, and the choice rests on what was measured, not on the line.
inline constexpr double kWorstTimeResidual = 0.25;

// peak(B) = a + b·B in MiB: a holds weights, gradients, moments and context, b is what one sample takes.
LineFit fit_memory_line(std::span<const LinePoint> peaks_mib);

// t(B) = α + β·B in ms: α is what a step costs whatever its size, β a sample.
LineFit fit_time_line(std::span<const LinePoint> step_ms);

// Least squares made robust: from the median of the slopes between all pairs (Theil and Sen), reweighted by Huber's
// function until it settles, so that one bad point bends nothing. `relative` weighs a distance against the value, for
// readings whose error grows with them.
LineFit fit_line(std::span<const LinePoint> points, bool relative, double worst_relative_residual);

// Samples per second that no batch exceeds by this line: 1000/β.
double asymptotic_rate(const Line& step_ms);
// Samples per second at this batch by the line.
double predicted_rate(const Line& step_ms, std::int64_t batch);
// The batch that reaches the share (0 to 1) of the asymptotic rate: share/(1 − share) · α/β; 0 where α is not positive.
double batch_for_share(const Line& step_ms, double share);
// The largest batch whose predicted peak stays at or below the limit; 0 where none does.
std::int64_t largest_batch(const Line& memory_mib, double limit_mib);

// What the trial took of the device at its peak: reserved by the allocator, else allocated.
std::optional<std::int64_t> measured_peak_mib(const TrialMemory& memory);
// What the process could take at most: what was free when it was asked, and what it held itself at its peak. The
// second is an upper bound, so the least over several trials is the figure to trust.
std::optional<std::int64_t> device_capacity_mib(const TrialMemory& memory);

}  // namespace wring

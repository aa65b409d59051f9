#pragma once
#include <optional>
#include <string>
#include <vector>

#include "wring/trace/chrome_trace.h"
#include "wring/trace/kernel_kinds.h"
#include "wring/trace/step_window.h"

namespace wring {

// Convolutions and products by the type of what they multiply, as PyTorch writes it: "float32", "bfloat16"; "" where
// the trace does not tell, as within a captured graph.
struct ProductTime {
  std::string type;
  double ms = 0;  // of a step
  std::optional<double> tflop =
      std::nullopt;        // 10¹² operations of a step; absent where the shapes of some are not known
  bool convolves = false;  // at least half of its time
};

// Copies of one way, each figure of a step.
struct CopyWork {
  double count = 0;
  double ms = 0;
  double bytes = 0;
};

// Calls that wait for the device, by the operator that makes them: "aten::_local_scalar_dense" is what .item() ends in;
// "" where the program calls CUDA itself.
struct SyncCalls {
  std::string op;
  double count = 0;  // of a step
};

enum class OptimizerForm : std::uint8_t {
  unknown,        // no step was seen, or a compiled one
  single_tensor,  // some kernels for each tensor
  foreach,        // some for all of them
  fused,
};

// What the device does in a step, as the trace has it. Nothing here is scaled: kernels take as long under the profiler
// as without it.
struct StepWork {
  int steps = 0;
  std::vector<KernelKindTime> kinds;  // the longest first; together the time in which anything ran
  double kernels = 0;                 // of a step
  double mean_kernel_us = 0;
  double graph_launches = 0;          // captured graphs that a step starts
  std::vector<ProductTime> products;  // the longest first; together the products' time in `kinds`
  // Conversions between the orders NCHW and NHWC around cuDNN's kernels; part of the layout in `kinds`.
  double order_conversions = 0;
  double order_conversions_ms = 0;
  OptimizerForm optimizer_form = OptimizerForm::unknown;
  double optimizer_kernels = 0;
  double optimizer_ms = 0;  // of the device
  CopyWork pageable_to_device;
  CopyWork pinned_to_device;
  CopyWork to_host;
  std::vector<SyncCalls> syncs;  // the most frequent first; without those that a pageable copy brings about itself
  double collectives = 0;
  double collectives_ms = 0;  // also while other kernels run

  double sync_calls() const;  // of a step
  double sync_calls_of(std::string_view op) const;
  double ms_of(KernelKind kind) const;
  // Of all products of a step; absent where there are none, or the shapes of some are not known.
  std::optional<double> tflop_per_step() const;
};

// What each of the window's events is, in their order.
std::vector<KernelKind> event_kinds(const Trace& trace, const StepWindow& window);

// Absent where divide_steps() has no shares since the trace holds no step, or nothing of a GPU.
std::optional<StepWork> step_work(const Trace& trace);

}  // namespace wring

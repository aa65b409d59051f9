#pragma once
#include <memory>
#include <span>
#include <vector>

#include <ATen/core/Tensor.h>
#include <ATen/cuda/CUDAGraph.h>

#include "wring_train/dist/ranks.h"
#include "wring_train/engine/graph/source.h"
#include "wring_train/engine/graph/state.h"
#include "wring_train/engine/graph/work.h"

namespace wring {

// A whole optimiser step for batches of one shape from one source, as a CUDA graph. All calls on one stream, which is
// the current one and not the default.
class CapturedStep {
 public:
  CapturedStep(const TrainConfig& config, GraphState& state, const GraphBatches& batches,
               std::unique_ptr<GraphSource> source, std::unique_ptr<GraphWork> work, Ranks& ranks);

  GraphSource& source() { return *source_; }
  // Runs the step once as it is, so that libraries choose their algorithms, takes it back, and captures it. Throws
  // c10::Error where it cannot be captured, c10::OutOfMemoryError where there is no room. Nothing in it waits for other
  // ranks: each may fail by itself.
  void capture();
  void replay() { graph_.replay(); }

  // What replays use beside the tensors that this object holds: activations and gradients.
  std::int64_t replayed_bytes() const { return replayed_bytes_; }

 private:
  void record(bool capturing);
  void collect(int micro_batch, const MicroBatchResult& result, bool capturing);
  void finish(const kernels::GradientSources& sources, bool accumulate, const at::Tensor& losses);
  bool last(int micro_batch) const { return micro_batch + 1 == batches_.micro_batches; }
  at::Tensor losses_so_far(int micro_batch, const MicroBatchResult& result);
  // What a step's messages have carried so far: sources of its last micro-batch, and the parameters from `from` on.
  struct Reduced {
    std::size_t sources = 0;
    std::int64_t from = 0;
  };
  void reduce(const MicroBatchResult& result, std::int64_t first, Reduced& reduced, bool capturing);
  void finish_reduced(bool capturing);
  kernels::GradientSources place_tables(std::size_t table, std::span<const kernels::GradientSource> sources,
                                        bool capturing);

  const TrainConfig& config_;
  GraphState& state_;
  GraphBatches batches_;
  std::unique_ptr<GraphSource> source_;
  std::unique_ptr<GraphWork> work_;
  Ranks& ranks_;
  // Each micro-batch's sources and chunks, on the device; of what ranks reduce in a second message; and of the flat
  // gradients themselves.
  std::vector<at::Tensor> tables_;
  std::vector<at::Tensor> host_tables_;
  at::Tensor norm_partials_, loss_partials_;
  at::cuda::CUDAGraph graph_;
  std::int64_t replayed_bytes_ = 0;
};

}  // namespace wring

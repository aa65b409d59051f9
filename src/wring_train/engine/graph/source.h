#pragma once
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include <ATen/core/Tensor.h>

#include "wring_train/data/batch.h"
#include "wring_train/engine/graph/feed.h"
#include "wring_train/engine/graph/side_stream.h"
#include "wring_train/engine/graph/state.h"
#include "wring_train/engine/images.h"

namespace wring {

// The batches of one captured step: how many, of which shape.
struct GraphBatches {
  bool drawn = false;  // on the device, from a decoded set
  int micro_batches = 1;
  int size = 0;
  int hr_patch = 0;
  int lr_patch = 0;

  int samples() const { return micro_batches * size; }
  auto operator<=>(const GraphBatches&) const = default;
};

// Where a captured step gets its images from. Kernels read them through view() and draws(); begin() and end() are part
// of the captured step, before() and after() of the host's side of every step.
class GraphSource {
 public:
  virtual ~GraphSource() = default;

  virtual void before(std::span<const Batch> micro_batches, std::int64_t step) = 0;
  virtual void begin() = 0;
  virtual void end() {}
  virtual void after(std::int64_t /*step*/) {}
  // The step ran once and was taken back: it will run again on the same batches.
  virtual void rewind() {}

  virtual kernels::ImagesView view() const = 0;
  const SampleDraw* draws(int micro_batch) const;

 protected:
  GraphSource(const GraphBatches& batches, const GraphState& state);
  SampleDraw* all_draws() const { return draws_of(draws_); }
  static SampleDraw* draws_of(const at::Tensor& draws);

  GraphBatches batches_;
  const GraphState& state_;
  at::Tensor draws_;
};

// Batches with bytes are copied from the host, beside the step before; batches without are drawn from `images`: read in
// place where they lie in device memory, and from page-locked memory cut beside the step before.
std::unique_ptr<GraphSource> make_graph_source(const GraphBatches& batches, const GraphState& state,
                                               const DeviceImages* images, const kernels::SamplerSettings& settings);

}  // namespace wring

#pragma once
#include <memory>
#include <vector>

#include <ATen/core/Tensor.h>

#include "wring_train/engine/graph/side_stream.h"
#include "wring_train/engine/graph/work.h"
#include "wring_train/kernels/low_type.h"

namespace wring {

struct GraphTrunkShape {
  int channels = 0;
  int blocks = 0;
  int batch = 0;
  int side = 0;  // LR pixels
  kernels::LowType type = kernels::LowType::bf16;
  bool sparing = false;  // rather memory than time, see graph_edsr.h

  int layers() const { return 2 * blocks + 1; }
  std::int64_t pixels() const { return std::int64_t{batch} * side * side; }
};

// The C → C convolutions of EDSR's trunk, forward and back, with what follows each of them. Layer 1 … 2N are the
// blocks', 2N + 1 is conv_after_body. Activations are (N, C, h, w), channels-last, 16 bits. Work is enqueued on the
// current stream, and what nothing on it waits for beside it.
class GraphTrunk {
 public:
  GraphTrunk(const GraphTrunkShape& shape, const FlatVectors& vectors);
  virtual ~GraphTrunk() = default;
  GraphTrunk(const GraphTrunk&) = delete;
  GraphTrunk& operator=(const GraphTrunk&) = delete;

  // Before a micro-batch's first layer; gradients' places go to `result`.
  virtual void begin(MicroBatchResult& result) { result_ = &result; }

  // relu(x ∗ weight + bias)
  virtual at::Tensor forward_relu(const at::Tensor& x, int layer) = 0;
  // x ∗ weight + bias + residual
  virtual at::Tensor forward_residual(const at::Tensor& x, int layer, const at::Tensor& residual) = 0;

  // From the gradient of a layer's output to that of its input x, and to the gradient of its weights. The result is 0
  // where `gate` (or null) is not positive, and `addend` (or null) is added; at most one of them is given. The sums of
  // the result over pixels are the gradient of the bias of layer `summed_layer`, the one before; 0: of none.
  virtual at::Tensor backward(int layer, const at::Tensor& gradient, const at::Tensor& x, const at::Tensor* gate,
                              const at::Tensor* addend, int summed_layer) = 0;
  // The bias gradient of a layer from the gradient of its output.
  virtual void sum(const at::Tensor& gradient, int layer) = 0;

  // Where a layer's weights begin in the flat vectors.
  std::int64_t weight_offset(int layer) const;

  // Whether backward() may still be reading its x when it returns, on another stream.
  virtual bool reads_on() const { return true; }

  // Between layers: enqueues what is queued, and the current stream, which may be another than the layers', waits for
  // all gradients so far.
  virtual void let_current_wait() { beside_.let_current_wait(); }
  // After the last layer: enqueues what is left, and the current stream waits for everything.
  virtual void finish() = 0;

 protected:
  const at::Tensor& weight(int layer) const { return low_[static_cast<std::size_t>(2 * layer)]; }
  const at::Tensor& low_bias(int layer) const { return low_[static_cast<std::size_t>(2 * layer + 1)]; }
  const float* bias(int layer) const;
  // The partial sums of a layer's bias gradient: (slabs, channels).
  at::Tensor sums(int layer) const { return sums_[layer]; }
  void allocate_sums(int slabs);

  // kernels::pass_gradient: (gate > 0 ? gradient : 0) → out, which may be null, with the sums for a layer.
  void pass(const at::Tensor& gradient, const at::Tensor* gate, void* out, int layer);
  void add_source(const void* data, kernels::ElementType type, std::int64_t offset, std::int64_t count, int slabs);
  void add_bias_source(int layer, int slabs);

  GraphTrunkShape shape_;
  const FlatVectors& vectors_;
  MicroBatchResult* result_ = nullptr;
  SideStream beside_;

 private:
  std::vector<at::Tensor> low_;
  std::vector<at::Tensor> parameters_;
  at::Tensor sums_;
};

// cuDNN's convolutions.
std::unique_ptr<GraphTrunk> make_library_trunk(const GraphTrunkShape& shape, const FlatVectors& vectors);
// Own convolutions (kernels/conv/conv.h), faster where everything is latency; null where they do not apply.
std::unique_ptr<GraphTrunk> make_direct_trunk(const GraphTrunkShape& shape, const FlatVectors& vectors);

}  // namespace wring

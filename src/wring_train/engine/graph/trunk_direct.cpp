#include <algorithm>
#include <array>

#include <ATen/ATen.h>
#include <ATen/cuda/CUDAContext.h>

#include "wring_train/engine/graph/trunk.h"
#include "wring_train/kernels/conv/conv.h"
#include "wring_train/kernels/conv/passes.h"

namespace wring {
namespace {

// Layers whose weight gradients are computed in one launch: enough to fill the device with few partial sums, and early
// enough that the launch overlaps the next layers (measured; between 5 and 8 the difference is below 5 %).
constexpr int kLayersAtOnce = 7;

void* stream() {
  return at::cuda::getCurrentCUDAStream().stream();
}

class DirectTrunk : public GraphTrunk {
 public:
  DirectTrunk(const GraphTrunkShape& shape, const kernels::ConvShape& conv, const FlatVectors& vectors)
      : GraphTrunk(shape, vectors), conv_(conv) {
    allocate_sums(std::max(kernels::conv_blocks(conv, true), kernels::gradient_blocks(shape.pixels(), shape.channels)));
  }

  at::Tensor forward_relu(const at::Tensor& x, int layer) override {
    kernels::ConvArguments arguments;
    arguments.relu = true;
    return forward(x, layer, arguments);
  }

  at::Tensor forward_residual(const at::Tensor& x, int layer, const at::Tensor& residual) override {
    kernels::ConvArguments arguments;
    arguments.addend = residual.const_data_ptr();
    return forward(x, layer, arguments);
  }

  at::Tensor backward(int layer, const at::Tensor& gradient, const at::Tensor& x, const at::Tensor* gate,
                      const at::Tensor* addend, int summed_layer) override {
    queue_weight_gradient(layer, gradient, x);
    at::Tensor result = at::empty_like(gradient);
    kernels::ConvArguments arguments;
    arguments.in = gradient.const_data_ptr();
    arguments.weight = weight(layer).const_data_ptr();
    arguments.gate = gate != nullptr ? gate->const_data_ptr() : nullptr;
    arguments.addend = addend != nullptr ? addend->const_data_ptr() : nullptr;
    arguments.out = result.mutable_data_ptr();
    arguments.sums = sums(summed_layer).mutable_data_ptr<float>();
    kernels::conv_backward(conv_, arguments, stream());
    add_bias_source(summed_layer, kernels::conv_blocks(conv_, true));
    return result;
  }

  void sum(const at::Tensor& gradient, int layer) override {
    beside_.run([&] { pass(gradient, nullptr, nullptr, layer); });
    result_->owners.push_back(gradient);
  }

  void let_current_wait() override {
    flush();
    GraphTrunk::let_current_wait();
  }

  void finish() override {
    flush();
    beside_.join();
  }

 private:
  at::Tensor forward(const at::Tensor& x, int layer, kernels::ConvArguments& arguments) const {
    at::Tensor out = at::empty_like(x);
    arguments.in = x.const_data_ptr();
    arguments.weight = weight(layer).const_data_ptr();
    arguments.bias = bias(layer);
    arguments.out = out.mutable_data_ptr();
    kernels::conv_forward(conv_, arguments, stream());
    return out;
  }

  void queue_weight_gradient(int layer, const at::Tensor& gradient, const at::Tensor& x) {
    static_assert(kLayersAtOnce <= kernels::kMostLayers);
    if (queued_.count == kLayersAtOnce) flush();
    const auto place = static_cast<std::size_t>(queued_.count++);
    queued_.in[place] = x.const_data_ptr();
    queued_.out_gradient[place] = gradient.const_data_ptr();
    queued_layers_[place] = layer;
    result_->owners.push_back(gradient);
  }

  void flush() {
    if (queued_.count == 0) return;
    const int parts = kernels::conv_weight_gradient_parts(conv_) * queued_.count;
    const int multiprocessors = at::cuda::getCurrentDeviceProperties()->multiProcessorCount;
    const int slabs = std::clamp(multiprocessors / parts, 1, 64);
    const std::int64_t size = std::int64_t{shape_.channels} * 9 * shape_.channels;
    const at::Tensor partial = at::empty({queued_.count, slabs, size}, vectors_.parameters.options());
    for (int i = 0; i < queued_.count; ++i) {
      queued_.gradient[i] = partial[i].mutable_data_ptr<float>();
      add_source(queued_.gradient[i], kernels::ElementType::fp32,
                 weight_offset(queued_layers_[static_cast<std::size_t>(i)]), size, slabs);
    }
    beside_.run([&] { kernels::conv_weight_gradients(conv_, queued_, slabs, stream()); });
    result_->owners.push_back(partial);
    queued_.count = 0;
  }

  kernels::ConvShape conv_;
  kernels::WeightGradientLayers queued_;
  std::array<int, kernels::kMostLayers> queued_layers_{};
};

}  // namespace

std::unique_ptr<GraphTrunk> make_direct_trunk(const GraphTrunkShape& shape, const FlatVectors& vectors) {
  const kernels::ConvShape conv{shape.batch, shape.side, shape.side, 3, shape.channels, shape.channels, shape.type};
  if (!kernels::conv_supported(conv)) return nullptr;
  return std::make_unique<DirectTrunk>(shape, conv, vectors);
}

}  // namespace wring

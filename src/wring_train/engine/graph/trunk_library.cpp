#include <ATen/ATen.h>
#include <ATen/cuda/CUDAContext.h>

#include "wring_train/engine/graph/convolution.h"
#include "wring_train/engine/graph/trunk.h"
#include "wring_train/kernels/conv/passes.h"

namespace wring {
namespace {

class LibraryTrunk : public GraphTrunk {
 public:
  LibraryTrunk(const GraphTrunkShape& shape, const FlatVectors& vectors)
      : GraphTrunk(shape, vectors),
        overlap_(!shape.sparing),
        add_(shape.batch, shape.channels, shape.side, vectors.low.scalar_type()),
        flipped_(at::zeros({shape.layers(), shape.channels, 3, 3, shape.channels}, vectors.low.options())),
        no_bias_(at::zeros({shape.channels}, vectors.low.options())) {
    allocate_sums(kernels::gradient_blocks(shape.pixels(), shape.channels));
  }

  void begin(MicroBatchResult& result) override {
    GraphTrunk::begin(result);
    beside_.run([&] {
      const std::int64_t stride = shape_.layers() > 1 ? weight_offset(2) - weight_offset(1) : 0;
      kernels::flip_weights(weight(1).const_data_ptr(), stride, shape_.layers(), shape_.channels,
                            flipped_.mutable_data_ptr(), at::cuda::getCurrentCUDAStream().stream());
    });
  }

  at::Tensor forward_relu(const at::Tensor& x, int layer) override {
    return at::cudnn_convolution_relu(x, weight(layer), low_bias(layer), {1, 1}, {1, 1}, {1, 1}, 1);
  }

  at::Tensor forward_residual(const at::Tensor& x, int layer, const at::Tensor& residual) override {
    return add_(x, weight(layer), low_bias(layer), residual);
  }

  at::Tensor backward(int layer, const at::Tensor& gradient, const at::Tensor& x, const at::Tensor* gate,
                      const at::Tensor* addend, int summed_layer) override {
    if (layer == shape_.layers()) beside_.join();  // the first on the way back: the flipped weights are there
    weight_gradient(layer, gradient, x);
    // A convolution with the flipped weights, for which cuDNN is faster than for its own data gradient.
    const at::Tensor flipped = flipped_[layer - 1].permute({0, 3, 1, 2});
    at::Tensor result = addend != nullptr ? add_(gradient, flipped, no_bias_, *addend) : convolve(gradient, flipped, 1);
    if (gate != nullptr) {
      pass(result, gate, result.mutable_data_ptr(), summed_layer);
    } else if (summed_layer > 0) {
      sum(result, summed_layer);
    }
    return result;
  }

  void sum(const at::Tensor& gradient, int layer) override {
    if (!overlap_) {
      beside_.join();  // with the sum before, whose gradient's memory may be used again from now on
      summed_ = gradient;
    }
    beside_.run([&] { pass(gradient, nullptr, nullptr, layer); });
  }

  bool reads_on() const override { return overlap_; }

  void finish() override {
    beside_.join();
    summed_.reset();
  }

 private:
  void weight_gradient(int layer, const at::Tensor& gradient, const at::Tensor& x) {
    const auto enqueue = [&] {
      const at::Tensor of_weight = convolution_weight_gradient(gradient, x, weight(layer), 1);
      add_source(of_weight.const_data_ptr(), element_type(of_weight.scalar_type()), weight_offset(layer),
                 of_weight.numel(), 1);
      result_->owners.push_back(of_weight);
    };
    if (overlap_) {
      beside_.run(enqueue);
      result_->owners.push_back(gradient);
    } else {
      enqueue();
    }
  }

  bool overlap_;  // weight gradients beside the data gradients: all activations and gradients are kept meanwhile
  ResidualConvolution add_;
  at::Tensor flipped_;
  at::Tensor no_bias_;
  at::Tensor summed_;  // what the side stream is reading
};

}  // namespace

std::unique_ptr<GraphTrunk> make_library_trunk(const GraphTrunkShape& shape, const FlatVectors& vectors) {
  return std::make_unique<LibraryTrunk>(shape, vectors);
}

}  // namespace wring

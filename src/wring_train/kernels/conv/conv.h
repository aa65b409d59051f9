#pragma once
#include <cstdint>

#include "wring_train/kernels/low_type.h"

namespace wring::kernels {

// Convolutions of small networks, where a library's kernels are all latency: implicit products on the matrix units with
// everything that follows them in the same pass. NHWC, stride 1, padding (size − 1) / 2.
struct ConvShape {
  int batch = 0;
  int height = 0;
  int width = 0;
  int size = 3;     // of the kernel: 3 or 5
  int inputs = 0;   // channels of the layer's input
  int outputs = 0;  // and of its output
  LowType type = LowType::bf16;
};

// Whether the shape is one that these kernels were made for (3×3 with 32 → 32 or 64 → 64 channels, 5×5 with 32 → 48 or
// 64 → 48), and the current device carries them: compute capability 8.0, and shared memory for all of the weights.
bool conv_supported(const ConvShape& shape);

struct ConvArguments {
  const void* in = nullptr;      // forward: the input; backward: the output's gradient
  const void* weight = nullptr;  // (outputs, size, size, inputs)
  bool fresh_weight = false;     // this step computed it: it must not be read before the kernel before has ended
  const float* bias = nullptr;   // forward, or null
  const void* gate = nullptr;    // of the result's shape, or null: where it is not positive the product becomes 0
  const void* addend = nullptr;  // of the result's shape, or null: added. Not together with a gate.
  bool relu = false;             // applied last
  void* out = nullptr;
  float* sums = nullptr;  // or null: conv_blocks(shape) arrays of the result's sums over pixels, a value a channel
};

// out = relu(gate(in ∗ weight + bias) + addend)
void conv_forward(const ConvShape& shape, const ConvArguments& arguments, void* stream);
// The same with the transposed convolution: the gradient of the layer's input.
void conv_backward(const ConvShape& shape, const ConvArguments& arguments, void* stream);
int conv_blocks(const ConvShape& shape, bool backward);

// Weight gradients of up to kMostLayers 3×3 layers of one shape at once: gradient[l] (outputs, 3, 3, inputs), fp32, as
// `slabs` partial sums, one after the other. A launch has slabs · conv_weight_gradient_parts(shape) · count blocks.
constexpr int kMostLayers = 8;
struct WeightGradientLayers {
  const void* in[kMostLayers] = {};
  const void* out_gradient[kMostLayers] = {};
  float* gradient[kMostLayers] = {};
  int count = 0;
};
int conv_weight_gradient_parts(const ConvShape& shape);
void conv_weight_gradients(const ConvShape& shape, const WeightGradientLayers& layers, int slabs, void* stream);

}  // namespace wring::kernels

#include "wring_train/engine/flat_parameters.h"

#include <ATen/ATen.h>

namespace wring {
namespace {

// 128 bytes in 16 bits: more than any vector access or library asks for.
constexpr std::int64_t kAlignment = 64;

std::int64_t aligned(std::int64_t elements) {
  return (elements + kAlignment - 1) / kAlignment * kAlignment;
}

struct Rows {
  std::int64_t stride;  // of a row of weights, one output channel each
  bool bias_inside;     // the bias follows the weights in the row, so that matrix products carry it along
};

}  // namespace

std::vector<at::Tensor> FlatLayout::views(const at::Tensor& flat) const {
  std::vector<at::Tensor> result;
  result.reserve(slots.size());
  for (const FlatSlot& slot : slots) result.push_back(at::as_strided(flat, slot.sizes, slot.strides, slot.offset));
  return result;
}

FlatLayout flat_layout(const EdsrShape& shape, FlatOrder order, bool channels_last) {
  FlatLayout layout;
  const std::vector<ParameterShape> parameters = edsr_parameters(shape);
  // Weight and bias alternate.
  for (std::size_t i = 0; i < parameters.size(); i += 2) {
    const std::vector<std::int64_t>& sizes = parameters[i].sizes;
    const std::int64_t outputs = sizes[0];
    const std::int64_t inputs = sizes[1];
    const std::int64_t dense = inputs * 9;
    Rows rows{dense, false};
    if (order == FlatOrder::fused) {
      // conv_first is a product with rows of 32 (kernels/step/edsr_input.h); the upsampling convolutions are matrices
      // of the tail's composition (kernels/tail/compose.h).
      if (i == 0) rows = {32, true};
      if (parameters[i].name.starts_with("upsample.")) rows = {dense + 4, true};
    }
    const std::vector<std::int64_t> strides = channels_last || order == FlatOrder::fused
                                                  ? std::vector<std::int64_t>{rows.stride, 1, 3 * inputs, inputs}
                                                  : std::vector<std::int64_t>{rows.stride, 9, 3, 1};
    layout.slots.push_back({layout.size, sizes, strides});
    if (rows.bias_inside) {
      layout.slots.push_back({layout.size + dense, {outputs}, {rows.stride}});
      layout.size += aligned(outputs * rows.stride);
    } else {
      layout.size += aligned(outputs * rows.stride);
      layout.slots.push_back({layout.size, {outputs}, {1}});
      layout.size += aligned(outputs);
    }
  }
  return layout;
}

}  // namespace wring

#pragma once
#include <vector>

#include <ATen/core/Tensor.h>

#include "wring_train/nn/edsr.h"

namespace wring {

// Where a parameter lies in the flat vectors that an engine keeps: one pass updates all of them, whatever their shapes.
struct FlatSlot {
  std::int64_t offset = 0;
  std::vector<std::int64_t> sizes;
  std::vector<std::int64_t> strides;
};

struct FlatLayout {
  std::vector<FlatSlot> slots;  // in the order of Edsr's parameters
  std::int64_t size = 0;        // elements, gaps included; a multiple of 64

  // The view of each parameter in a flat vector.
  std::vector<at::Tensor> views(const at::Tensor& flat) const;
};

enum class FlatOrder {
  plain,  // every parameter dense; 4-D ones channels-last when asked
  fused,  // as the fused kernels read them: see flat_parameters.cpp
};

FlatLayout flat_layout(const EdsrShape& shape, FlatOrder order, bool channels_last);

}  // namespace wring

#include "wring_train/engine/graph/trunk.h"

#include <ATen/ATen.h>
#include <ATen/cuda/CUDAContext.h>

#include "wring_train/kernels/conv/passes.h"

namespace wring {

GraphTrunk::GraphTrunk(const GraphTrunkShape& shape, const FlatVectors& vectors)
    : shape_(shape),
      vectors_(vectors),
      beside_(vectors.parameters.device().index()),
      low_(vectors.layout.views(vectors.low)),
      parameters_(vectors.layout.views(vectors.parameters)) {}

const float* GraphTrunk::bias(int layer) const {
  return parameters_[static_cast<std::size_t>(2 * layer + 1)].const_data_ptr<float>();
}

std::int64_t GraphTrunk::weight_offset(int layer) const {
  return vectors_.layout.slots[static_cast<std::size_t>(2 * layer)].offset;
}

void GraphTrunk::allocate_sums(int slabs) {
  sums_ = at::zeros({shape_.layers() + 1, slabs, shape_.channels}, vectors_.parameters.options());
}

void GraphTrunk::pass(const at::Tensor& gradient, const at::Tensor* gate, void* out, int layer) {
  kernels::pass_gradient(gradient.const_data_ptr(), gate != nullptr ? gate->const_data_ptr() : nullptr, nullptr,
                         shape_.pixels(), shape_.channels, shape_.type, out, sums(layer).mutable_data_ptr<float>(),
                         at::cuda::getCurrentCUDAStream().stream());
  add_bias_source(layer, kernels::gradient_blocks(shape_.pixels(), shape_.channels));
}

void GraphTrunk::add_source(const void* data, kernels::ElementType type, std::int64_t offset, std::int64_t count,
                            int slabs) {
  kernels::GradientSource source;
  source.data = data;
  source.type = type;
  source.offset = offset;
  source.count = static_cast<std::int32_t>(count);
  source.slab_stride = count;
  source.slabs = slabs;
  result_->sources.push_back(source);
}

void GraphTrunk::add_bias_source(int layer, int slabs) {
  if (layer == 0) return;  // conv_first's bias is one of its weights
  add_source(sums(layer).const_data_ptr(), kernels::ElementType::fp32,
             vectors_.layout.slots[static_cast<std::size_t>(2 * layer + 1)].offset, shape_.channels, slabs);
}

}  // namespace wring

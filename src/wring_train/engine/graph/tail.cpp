#include "wring_train/engine/graph/tail.h"

#include <ATen/ATen.h>
#include <ATen/cuda/CUDAContext.h>

#include "wring_train/kernels/tail/ring.h"

namespace wring {
namespace {

void* stream() {
  return at::cuda::getCurrentCUDAStream().stream();
}

at::ScalarType scalar_type(kernels::LowType type) {
  return type == kernels::LowType::bf16 ? at::kBFloat16 : at::kHalf;
}

std::int32_t pack(const PathTerm& term) {
  return term.state * 64 + term.column;  // kernels/tail/compose.h
}

// Lists in device memory, one tensor each.
class ListWriter {
 public:
  ListWriter(at::Device device, std::vector<at::Tensor>& owners) : device_(device), owners_(owners) {}

  const std::int32_t* write(const std::vector<std::int32_t>& values) {
    at::Tensor tensor = at::empty({std::max<std::int64_t>(1, static_cast<std::int64_t>(values.size()))}, at::kInt);
    std::copy(values.begin(), values.end(), tensor.mutable_data_ptr<std::int32_t>());
    owners_.push_back(tensor.to(device_));
    return owners_.back().const_data_ptr<std::int32_t>();
  }
  kernels::Lists write(const std::vector<std::vector<std::int32_t>>& lists) {
    std::vector<std::int32_t> begin{0};
    std::vector<std::int32_t> all;
    for (const auto& list : lists) {
      all.insert(all.end(), list.begin(), list.end());
      begin.push_back(static_cast<std::int32_t>(all.size()));
    }
    return {write(begin), write(all)};
  }
  kernels::Lists write(const std::vector<std::vector<PathTerm>>& lists) {
    std::vector<std::vector<std::int32_t>> packed(lists.size());
    for (std::size_t i = 0; i < lists.size(); ++i) {
      for (const PathTerm& term : lists[i]) packed[i].push_back(pack(term));
    }
    return write(packed);
  }

 private:
  at::Device device_;
  std::vector<at::Tensor>& owners_;
};

// For each (state, column), at state · columns + column, which lists have it among their terms.
std::vector<std::vector<std::int32_t>> users_of(const std::vector<std::vector<PathTerm>>& lists, int states,
                                                int columns) {
  std::vector<std::vector<std::int32_t>> users(static_cast<std::size_t>(states * columns));
  for (std::size_t i = 0; i < lists.size(); ++i) {
    for (const PathTerm& term : lists[i]) {
      users[static_cast<std::size_t>(term.state * columns + term.column)].push_back(static_cast<std::int32_t>(i));
    }
  }
  return users;
}

// The composition's products on the matrix units: TF32's eleven bits are more than the 16-bit types keep of the result.
class Tf32Products {
 public:
  Tf32Products() : before_(at::globalContext().allowTF32CuBLAS()) { at::globalContext().setAllowTF32CuBLAS(true); }
  ~Tf32Products() { at::globalContext().setAllowTF32CuBLAS(before_); }
  Tf32Products(const Tf32Products&) = delete;
  Tf32Products& operator=(const Tf32Products&) = delete;

 private:
  bool before_;
};

at::Tensor channels_last_view(const at::Tensor& nhwc) {
  return nhwc.permute({0, 3, 1, 2});
}

}  // namespace

GraphTail::GraphTail(const EdsrShape& shape, kernels::LowType type, int batch, int side, const FlatVectors& vectors,
                     bool sparing)
    : type_(type), batch_(batch), side_(side), sparing_(sparing) {
  const TailPaths paths = tail_paths(static_cast<int>(shape.scale));
  shape_.channels = static_cast<std::int32_t>(shape.channels);
  shape_.scale = paths.scale;
  shape_.factor = paths.factor;
  stages_.resize(paths.stages.size());
  upload_tables(paths, vectors.parameters.device());
  allocate(vectors, shape);
}

void GraphTail::upload_tables(const TailPaths& paths, at::Device device) {
  ListWriter writer(device, tables_);
  for (std::size_t s = 0; s < paths.stages.size(); ++s) {
    const PathStage& path = paths.stages[s];
    kernels::ComposeStage& stage = stages_[s].tables;
    stage.first = s == 0;
    stage.inputs = path.inputs;
    stage.outputs = static_cast<std::int32_t>(path.terms.size());
    stage.groups = stage.first ? 3 * paths.factor : 3;
    stage.terms = writer.write(path.terms);
    stage.users = writer.write(users_of(path.terms, path.inputs, stage.groups));
    stage.bias_terms = writer.write(path.bias_terms);
    stage.bias_users = writer.write(users_of(path.bias_terms, path.inputs, stage.first ? paths.factor : 1));
    if (s + 1 < paths.stages.size()) {
      std::vector<std::int32_t> next;
      std::vector<std::int32_t> sub_row;
      for (std::int32_t output = 0; output < stage.outputs; ++output) {
        next.push_back(output / paths.factor);
        sub_row.push_back(output % paths.factor);
      }
      stage.next = writer.write(next);
      stage.sub_row = writer.write(sub_row);
      stage.next_inputs = paths.stages[s + 1].inputs;
    }
  }
}

void GraphTail::allocate(const FlatVectors& vectors, const EdsrShape& shape) {
  const auto fp32 = vectors.parameters.options();
  const auto low = fp32.dtype(scalar_type(type_));
  const std::int64_t channels = shape_.channels;
  const std::int64_t row = shape_.weight_row();
  const std::int64_t area = std::int64_t{shape_.factor} * shape_.factor;
  const std::int64_t outputs = shape_.outputs();
  const std::vector<FlatSlot>& slots = vectors.layout.slots;
  const auto first_up = static_cast<std::size_t>(2 * (2 * shape.blocks + 2));
  const std::size_t count = stages_.size();
  // The finest stage composes first, and its convolution is the last before conv_last.
  last_offset_ = slots[first_up + 2 * count].offset;
  last_bias_offset_ = slots[first_up + 2 * count + 1].offset;
  at::Tensor input = at::as_strided(vectors.parameters, {27, channels}, {channels, 1}, last_offset_);
  for (std::size_t s = 0; s < count; ++s) {
    Stage& stage = stages_[s];
    const std::int64_t offset = slots[first_up + 2 * (count - 1 - s)].offset;
    up_offsets_.push_back(offset);
    const std::int64_t columns = s == 0 ? area * row : row;
    const std::int64_t inner = s == 0 ? channels : channels * area;
    stage.weights = at::as_strided(vectors.parameters, {inner, columns}, {columns, 1}, offset);
    stage.weight_gradient = at::zeros({inner, columns}, fp32);
    stage.input =
        s == 0 ? input : at::zeros({std::int64_t{3} * stage.tables.inputs * stage.tables.inputs, inner}, fp32);
    stage.input_gradient = at::zeros_like(stage.input, at::MemoryFormat::Contiguous);
    stage.product = at::zeros({stage.input.size(0), columns}, fp32);
    stage.product_gradient = at::zeros_like(stage.product);
  }
  last_bias_ = at::as_strided(vectors.parameters, {3}, {1}, last_bias_offset_);
  last_bias_gradient_ = at::zeros({4}, fp32);
  set_bias_ = at::zeros({9, outputs}, fp32);

  const std::int64_t edge_row = kernels::edge_row(shape_.channels);
  const std::int64_t corner_row = kernels::corner_row(shape_.channels);
  centre_ = channels_last_view(at::zeros({outputs, 5, 5, channels}, low));
  edges_ = at::zeros({4, outputs, edge_row}, low);
  corners_ = at::zeros({4, outputs, corner_row}, low);
  bias_ = at::zeros({outputs}, fp32);
  edge_kernel_gradient_ = at::zeros_like(edges_);
  corner_kernel_gradient_ = at::zeros_like(corners_);
  const std::int64_t edge_pixels = std::int64_t{batch_} * side_;
  edge_patches_ = at::zeros({4, edge_pixels, edge_row}, low);
  corner_patches_ = at::zeros({4, batch_, corner_row}, low);
  edge_patch_gradient_ = sparing_ ? edge_patches_ : at::zeros_like(edge_patches_);
  corner_patch_gradient_ = sparing_ ? corner_patches_ : at::zeros_like(corner_patches_);
  edge_output_ = at::zeros({4, edge_pixels, outputs}, low);
  corner_output_ = at::zeros({4, batch_, outputs}, low);
  edge_gradient_ = at::zeros_like(edge_output_);
  corner_gradient_ = at::zeros_like(corner_output_);
  centre_gradient_ = channels_last_view(at::zeros({batch_, side_, side_, outputs}, low));
}

void GraphTail::compose() {
  const Tf32Products tf32;
  kernels::ComposeProducts products;
  products.count = static_cast<std::int32_t>(stages_.size());
  for (std::size_t s = 0; s < stages_.size(); ++s) {
    Stage& stage = stages_[s];
    at::mm_out(stage.product, stage.input, stage.weights);
    products.stages[s] = stage.tables;
    products.products[s] = stage.product.mutable_data_ptr<float>();
    if (s + 1 < stages_.size()) {
      kernels::compose_stage(shape_, stage.tables, products.products[s], stages_[s + 1].input.mutable_data_ptr<float>(),
                             stream());
    }
  }
  const kernels::FoldedKernels folded{centre_.mutable_data_ptr(), edges_.mutable_data_ptr(),
                                      corners_.mutable_data_ptr(), bias_.mutable_data_ptr<float>()};
  kernels::compose_final(shape_, products, last_bias_.const_data_ptr<float>(), type_, folded, stream());
}

void GraphTail::correct_border(const at::Tensor& features) {
  kernels::gather_ring(features.const_data_ptr(), batch_, side_, shape_.channels, type_,
                       edge_patches_.mutable_data_ptr(), corner_patches_.mutable_data_ptr(), stream());
  at::bmm_out(edge_output_, edge_patches_, edges_.transpose(1, 2));
  at::bmm_out(corner_output_, corner_patches_, corners_.transpose(1, 2));
}

kernels::TailOutput GraphTail::output(const at::Tensor& centre) const {
  return {centre.const_data_ptr(), bias_.const_data_ptr<float>(), edge_output_.const_data_ptr(),
          corner_output_.const_data_ptr()};
}

kernels::TailGradient GraphTail::gradient() {
  return {centre_gradient_.mutable_data_ptr(), edge_gradient_.mutable_data_ptr(), corner_gradient_.mutable_data_ptr()};
}

void GraphTail::border_backward(at::cuda::CUDAEvent& patches_ready) {
  if (sparing_) border_kernel_gradient();  // the last to read the patches
  border_patch_gradient();
  patches_ready.record();
  if (!sparing_) border_kernel_gradient();
}

void GraphTail::border_patch_gradient() {
  at::bmm_out(edge_patch_gradient_, edge_gradient_, edges_);
  at::bmm_out(corner_patch_gradient_, corner_gradient_, corners_);
}

void GraphTail::add_border(at::Tensor& features_gradient) const {
  kernels::scatter_ring(edge_patch_gradient_.const_data_ptr(), corner_patch_gradient_.const_data_ptr(), batch_, side_,
                        shape_.channels, type_, features_gradient.mutable_data_ptr(), stream());
}

void GraphTail::border_kernel_gradient() {
  at::bmm_out(edge_kernel_gradient_, edge_gradient_.transpose(1, 2), edge_patches_);
  at::bmm_out(corner_kernel_gradient_, corner_gradient_.transpose(1, 2), corner_patches_);
}

void GraphTail::decompose(const at::Tensor& centre_weight_gradient, const at::Tensor& bias_partials,
                          SideStream& beside) {
  kernels::FoldedKernels gradients;
  gradients.centre = centre_weight_gradient.mutable_data_ptr();
  gradients.edges = edge_kernel_gradient_.mutable_data_ptr();
  gradients.corners = corner_kernel_gradient_.mutable_data_ptr();
  auto* set_bias = set_bias_.mutable_data_ptr<float>();
  kernels::decompose_final(shape_, stages_.back().tables, gradients, type_, bias_partials.const_data_ptr<float>(),
                           static_cast<int>(bias_partials.size(0)), set_bias,
                           last_bias_gradient_.mutable_data_ptr<float>(),
                           stages_.back().product_gradient.mutable_data_ptr<float>(), stream());
  const Tf32Products tf32;
  for (std::size_t s = stages_.size(); s-- > 0;) {
    Stage& stage = stages_[s];
    beside.run([&] { at::mm_out(stage.weight_gradient, stage.input.t(), stage.product_gradient); });
    at::mm_out(stage.input_gradient, stage.product_gradient, stage.weights.t());
    if (s > 0) {
      kernels::decompose_stage(shape_, stages_[s - 1].tables, stage.input_gradient.const_data_ptr<float>(), set_bias,
                               stages_[s - 1].product_gradient.mutable_data_ptr<float>(), stream());
    }
  }
}

void GraphTail::append_sources(std::vector<kernels::GradientSource>& sources) const {
  const auto add = [&](const at::Tensor& gradient, std::int64_t offset, std::int64_t count) {
    kernels::GradientSource source;
    source.data = gradient.const_data_ptr();
    source.offset = offset;
    source.count = static_cast<std::int32_t>(count);
    sources.push_back(source);
  };
  for (std::size_t s = 0; s < stages_.size(); ++s) {
    add(stages_[s].weight_gradient, up_offsets_[s], stages_[s].weight_gradient.numel());
  }
  add(stages_.front().input_gradient, last_offset_, stages_.front().input_gradient.numel());
  add(last_bias_gradient_, last_bias_offset_, 3);
}

}  // namespace wring

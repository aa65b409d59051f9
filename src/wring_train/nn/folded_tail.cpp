#include "wring_train/nn/folded_tail.h"

#include <array>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <c10/core/impl/LocalDispatchKeySet.h>
#include <torch/csrc/autograd/custom_function.h>

namespace wring {
namespace {

// (C·f², C, 3, 3) → (C·f², 9·C), taps before channels: a view where the weight is channels-last.
at::Tensor as_matrix(const at::Tensor& weight) {
  return weight.permute({0, 2, 3, 1}).reshape({weight.size(0), -1});
}

// The inverse: strides are channels-last.
at::Tensor as_weight(const at::Tensor& matrix, at::IntArrayRef sizes) {
  return matrix.view({sizes[0], sizes[2], sizes[3], sizes[1]}).permute({0, 3, 1, 2});
}

// A stage's upsampling convolution as the right factors of its products, whose left one has `inner` columns: C in stage
// 1, where the sub-pixels stay in the product's columns, else C·f².
struct Upsampling {
  std::size_t index;  // of the weight; the bias follows
  at::Tensor weight, bias;

  Upsampling(at::TensorList weights, std::size_t stage, std::int64_t inner)
      : index(weights.size() - 4 - 2 * stage),
        weight(as_matrix(weights[index]).view({inner, -1})),
        bias(weights[index + 1].view({inner, -1})) {}
};

// Autocast would compose in 16 bits.
class WithoutAutocast {
  c10::impl::ExcludeDispatchKeyGuard guard_{c10::autocast_dispatch_keyset};
};

// One kernel as a convolution's weight (3·R·S, C, P, Q), channels-last strides: a view of the composed rows.
at::Tensor weight_of(const TailKernel& kernel, const at::Tensor& rows) {
  return rows.narrow(0, kernel.first_row, kernel.rows())
      .view({kernel.biases(), kernel.tap_rows, kernel.tap_columns, rows.size(1)})
      .permute({0, 3, 1, 2});
}

at::Tensor bias_of(const TailKernel& kernel, const at::Tensor& biases) {
  return biases.narrow(0, kernel.first_bias, kernel.biases());
}

// Where a border's correction reads and writes along one axis of `length` pixels.
struct Span {
  std::int64_t from, count;   // features
  std::int64_t padding;       // of the convolution over them
  std::int64_t to, to_count;  // LR pixels of the output
};

Span span(int set, std::int64_t taps, std::int64_t length) {
  if (set == kAllPaths) return {0, length, 2, 0, length};
  if (set == kPastFirstRow) return {0, taps, 0, 0, 1};
  return {length - taps, taps, 0, length - 1, 1};
}

struct Border {
  const TailKernel& kernel;
  Span rows, columns;
  bool added;  // pixels of a corner are subtracted twice, by its row and by its column

  at::Tensor input(const at::Tensor& features) const {
    return features.narrow(2, rows.from, rows.count).narrow(3, columns.from, columns.count);
  }
  // The part of (N, 3·scale², h, w) that the correction changes, as (N, 3, R, S, rows, columns).
  at::Tensor output(const at::Tensor& cells, std::int64_t scale) const {
    return cells.unflatten(1, {3, scale, scale})
        .narrow(2, kernel.first_output_row, kernel.output_rows)
        .narrow(3, kernel.first_output_column, kernel.output_columns)
        .narrow(4, rows.to, rows.to_count)
        .narrow(5, columns.to, columns.to_count);
  }
  std::array<std::int64_t, 2> padding() const { return {rows.padding, columns.padding}; }
};

std::vector<Border> borders(const TailTables& tables, std::int64_t height, std::int64_t width) {
  std::vector<Border> result;
  for (int row = 0; row < kPathSets; ++row) {
    for (int column = 0; column < kPathSets; ++column) {
      if (row == kAllPaths && column == kAllPaths) continue;
      const TailKernel& kernel = tables.kernel[row][column];
      result.push_back({kernel, span(row, kernel.tap_rows, height), span(column, kernel.tap_columns, width),
                        row != kAllPaths && column != kAllPaths});
    }
  }
  return result;
}

constexpr std::array<std::int64_t, 2> kOne{1, 1};
constexpr std::array<std::int64_t, 2> kTwo{2, 2};
constexpr std::array<std::int64_t, 2> kNone{0, 0};

std::tuple<at::Tensor, at::Tensor, at::Tensor> convolution_gradients(const at::Tensor& gradient,
                                                                     const at::Tensor& input, const at::Tensor& weight,
                                                                     at::IntArrayRef padding, bool input_needed) {
  return at::convolution_backward(gradient, input, weight, at::IntArrayRef(gradient.sizes()[1]), kOne, padding, kOne,
                                  /*transposed=*/false, kNone, /*groups=*/1, {input_needed, true, true});
}

// What autograd's context can carry.
struct TailHolder : torch::CustomClassHolder {
  explicit TailHolder(const FoldedTail* folded) : tail(folded) {}
  const FoldedTail* tail;
};

struct TailFunction : torch::autograd::Function<TailFunction> {
  static at::Tensor forward(torch::autograd::AutogradContext* context, const FoldedTail* tail,
                            const at::Tensor& features, at::TensorList weights) {
    ComposedTail composed = tail->compose(weights);
    at::Tensor result = tail->apply(composed, features);
    torch::autograd::variable_list saved{features, composed.kernels, composed.biases};
    saved.insert(saved.end(), composed.states.begin(), composed.states.end());
    saved.insert(saved.end(), weights.begin(), weights.end());
    context->save_for_backward(std::move(saved));
    context->saved_data["tail"] = at::IValue::make_capsule(c10::make_intrusive<TailHolder>(tail));
    return result;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    const auto holder = context->saved_data["tail"].toCapsule();
    const FoldedTail* tail = static_cast<const TailHolder&>(*holder).tail;
    const auto saved = context->get_saved_variables();
    const std::size_t stages = tail->tables().gather.size() + 1;
    const at::Tensor& features = saved[0];
    const ComposedTail composed{saved[1], saved[2], {saved.begin() + 3, saved.begin() + 3 + static_cast<long>(stages)}};
    const at::TensorList weights(saved.data() + 3 + stages, saved.size() - 3 - stages);
    const auto of_apply = tail->apply_backward(composed, features, gradients[0], context->needs_input_grad(1));
    torch::autograd::variable_list result{at::Tensor(), of_apply.features};
    for (at::Tensor& gradient : tail->compose_backward(weights, composed, of_apply.kernels, of_apply.biases)) {
      result.push_back(std::move(gradient));
    }
    return result;
  }
};

}  // namespace

FoldedTail::BothWays::BothWays(const RowTable& table, at::Device device) {
  const auto upload = [&](const RowTable& one) {
    return RowSums{at::tensor(one.starts, at::kLong).to(device), at::tensor(one.sources, at::kLong).to(device)};
  };
  forward = upload(table);
  backward = upload(table.transposed());
}

at::Tensor FoldedTail::RowSums::operator()(const at::Tensor& rows) const {
  // Sums bags of rows; mode 0 is the sum. An empty bag gives a row of zeros.
  return std::get<0>(at::_embedding_bag_forward_only(rows, sources, starts, false, 0, false, {}, true));
}

FoldedTail::FoldedTail(std::int64_t scale, at::Device device)
    : tables_(make_tail_tables(scale)), kernels_(tables_.kernels, device), biases_(tables_.biases, device) {
  for (const RowTable& table : tables_.gather) gather_.emplace_back(table, device);
}

ComposedTail FoldedTail::compose(at::TensorList weights) const {
  const c10::NoGradGuard no_grad;
  const WithoutAutocast full_precision;
  const std::int64_t channels = weights[0].size(1);
  const std::int64_t sub_pixels = tables_.factor * tables_.factor;
  ComposedTail composed;
  std::vector<at::Tensor> biases{weights.back()};
  at::Tensor states = as_matrix(weights[weights.size() - 2]).view({-1, channels});
  at::Tensor rows;
  for (std::size_t stage = 0;; ++stage) {
    const Upsampling up(weights, stage, states.size(1));
    biases.push_back(at::mm(states, up.bias).view(-1));
    rows = at::mm(states, up.weight).view({-1, channels});
    composed.states.push_back(states);
    if (stage == gather_.size()) break;
    // (states, a, b, C) → (states, C, a, b): the order of the upsampling convolution's outputs.
    states = gather_[stage]
                 .forward(rows)
                 .view({-1, sub_pixels, channels})
                 .transpose(1, 2)
                 .reshape({-1, channels * sub_pixels});
  }
  composed.kernels = kernels_.forward(rows);
  composed.biases = biases_.forward(at::cat(biases).unsqueeze(1)).squeeze(1);
  return composed;
}

std::vector<at::Tensor> FoldedTail::compose_backward(at::TensorList weights, const ComposedTail& composed,
                                                     const at::Tensor& kernels, const at::Tensor& biases) const {
  const c10::NoGradGuard no_grad;
  const WithoutAutocast full_precision;
  const std::int64_t channels = weights[0].size(1);
  const std::int64_t sub_pixels = tables_.factor * tables_.factor;
  std::vector<at::Tensor> gradients(weights.size());
  const at::Tensor of_biases = biases_.backward(biases.unsqueeze(1)).squeeze(1);
  std::int64_t first_bias = of_biases.size(0);
  at::Tensor rows = kernels_.backward(kernels);
  at::Tensor of_states;
  for (std::size_t stage = composed.states.size(); stage-- > 0;) {
    const at::Tensor& states = composed.states[stage];
    const Upsampling up(weights, stage, states.size(1));
    const at::Tensor products = rows.view({states.size(0), -1});
    const std::int64_t biases_here = states.size(0) * up.bias.size(1);
    first_bias -= biases_here;
    const at::Tensor of_bias = of_biases.narrow(0, first_bias, biases_here).view({states.size(0), -1});
    gradients[up.index] = as_weight(at::mm(states.t(), products), weights[up.index].sizes());
    gradients[up.index + 1] = at::mm(states.t(), of_bias).view(-1);
    of_states = at::mm(products, up.weight.t()).addmm_(of_bias, up.bias.t());
    if (stage == 0) break;
    rows =
        gather_[stage - 1].backward(of_states.view({-1, channels, sub_pixels}).transpose(1, 2).reshape({-1, channels}));
  }
  gradients[weights.size() - 2] = as_weight(of_states, weights[weights.size() - 2].sizes());
  gradients[weights.size() - 1] = of_biases.narrow(0, 0, 3).clone();
  return gradients;
}

at::Tensor FoldedTail::apply(const ComposedTail& composed, const at::Tensor& features) const {
  const c10::NoGradGuard no_grad;
  const WithoutAutocast as_given;
  const at::Tensor kernels = composed.kernels.to(features.scalar_type());
  const at::Tensor biases = composed.biases.to(features.scalar_type());
  const TailKernel& all = tables_.kernel[kAllPaths][kAllPaths];
  at::Tensor cells = at::conv2d(features, weight_of(all, kernels), bias_of(all, biases), kOne, kTwo);
  for (const Border& border : borders(tables_, features.size(2), features.size(3))) {
    const at::Tensor change = at::conv2d(border.input(features), weight_of(border.kernel, kernels),
                                         bias_of(border.kernel, biases), kOne, border.padding());
    at::Tensor target = border.output(cells, tables_.scale);
    target.add_(change.unflatten(1, {3, border.kernel.output_rows, border.kernel.output_columns}),
                border.added ? 1.0 : -1.0);
  }
  return at::pixel_shuffle(cells, tables_.scale);
}

FoldedTail::Gradients FoldedTail::apply_backward(const ComposedTail& composed, const at::Tensor& features,
                                                 const at::Tensor& gradient, bool features_needed) const {
  const c10::NoGradGuard no_grad;
  const WithoutAutocast as_given;
  const at::Tensor kernels = composed.kernels.to(features.scalar_type());
  const at::Tensor cells = at::pixel_unshuffle(gradient, tables_.scale);
  Gradients result;
  result.kernels = at::empty_like(kernels);
  result.biases = at::empty({tables_.biases.outputs()}, kernels.options());
  const auto keep = [&](const TailKernel& kernel, const at::Tensor& weight, const at::Tensor& bias, bool negative) {
    at::Tensor of_weight = weight_of(kernel, result.kernels);
    at::Tensor of_bias = bias_of(kernel, result.biases);
    if (negative) {
      at::neg_out(of_weight, weight);
      at::neg_out(of_bias, bias);
    } else {
      of_weight.copy_(weight);
      of_bias.copy_(bias);
    }
  };
  const TailKernel& all = tables_.kernel[kAllPaths][kAllPaths];
  auto [of_features, of_weight, of_bias] =
      convolution_gradients(cells, features, weight_of(all, kernels), kTwo, features_needed);
  keep(all, of_weight, of_bias, false);
  for (const Border& border : borders(tables_, features.size(2), features.size(3))) {
    const auto [of_input, of_kernel, of_kernel_bias] =
        convolution_gradients(border.output(cells, tables_.scale).flatten(1, 3), border.input(features),
                              weight_of(border.kernel, kernels), border.padding(), features_needed);
    keep(border.kernel, of_kernel, of_kernel_bias, !border.added);
    if (features_needed) border.input(of_features).add_(of_input, border.added ? 1.0 : -1.0);
  }
  result.features = of_features;
  result.kernels = result.kernels.to(composed.kernels.scalar_type());
  result.biases = result.biases.to(composed.kernels.scalar_type());
  return result;
}

at::Tensor FoldedTail::operator()(at::TensorList weights, const at::Tensor& features) const {
  return TailFunction::apply(this, features, weights);
}

}  // namespace wring

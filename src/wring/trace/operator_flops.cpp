#include "wring/trace/operator_flops.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>

namespace wring {
namespace {

using Dims = std::vector<std::int64_t>;
using Flops = std::optional<double>;

double product_of(const Dims& dims, std::size_t from = 0) {
  double product = 1;
  for (std::size_t i = from; i < dims.size(); ++i) product *= static_cast<double>(dims[i]);
  return product;
}

// The shape of a tensor of so many dimensions; null where it is none.
const Dims* tensor(const OperatorInputs& inputs, std::size_t place, std::size_t rank) {
  return place < inputs.dims.size() && inputs.dims[place].size() == rank ? &inputs.dims[place] : nullptr;
}

bool is_given(const OperatorInputs& inputs, std::size_t place) {
  return place < inputs.dims.size() && !inputs.dims[place].empty();
}

std::string_view value(const OperatorInputs& inputs, std::size_t place) {
  return place < inputs.values.size() ? std::string_view(inputs.values[place]) : "";
}

// "[2, 2]" → {2, 2}; empty where it is no list of numbers.
Dims list(const OperatorInputs& inputs, std::size_t place) {
  std::string_view text = value(inputs, place);
  Dims numbers;
  if (!text.starts_with('[') || !text.ends_with(']')) return numbers;
  text = text.substr(1, text.size() - 2);
  while (!text.empty()) {
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc()) return {};
    numbers.push_back(number);
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    text.remove_prefix(std::min(text.find_first_not_of(", "), text.size()));
  }
  return numbers;
}

// Of a convolution's lists, which may have one number for all dimensions.
std::optional<std::int64_t> at(const Dims& numbers, std::size_t i) {
  if (numbers.size() == 1) return numbers[0];
  return i < numbers.size() ? std::optional(numbers[i]) : std::nullopt;
}

// How many of a mask's first so many places are "True".
int trues(std::string_view mask, int places) {
  int found = 0;
  for (; places > 0; --places) {
    if (mask.find_first_not_of("[ ,") == std::string_view::npos) break;
    mask.remove_prefix(mask.find_first_not_of("[ ,"));
    found += mask.starts_with("True") ? 1 : 0;
    mask.remove_prefix(std::min(mask.find(','), mask.size()));
  }
  return found;
}

// [m, k] × [k, n], or a batch of them; the left one stands at `left`.
template <std::size_t left, std::size_t rank>
Flops matrix_product(const OperatorInputs& inputs) {
  const Dims* const a = tensor(inputs, left, rank);
  const Dims* const b = tensor(inputs, left + 1, rank);
  if (a == nullptr || b == nullptr || a->back() != (*b)[rank - 2]) return std::nullopt;
  return 2 * product_of(*a) * static_cast<double>(b->back());
}

// The output's places along each spatial dimension, times each other.
Flops output_places(const Dims& input, const Dims& weight, const Dims& stride, const Dims& padding,
                    const Dims& dilation) {
  double places = 1;
  for (std::size_t i = 2; i < input.size(); ++i) {
    const auto step = at(stride, i - 2), pad = at(padding, i - 2), spread = at(dilation, i - 2);
    if (!step || !pad || !spread || *step <= 0) return std::nullopt;
    const double span = static_cast<double>(*spread) * static_cast<double>(weight[i] - 1) + 1;
    const double room = static_cast<double>(input[i]) + 2 * static_cast<double>(*pad) - span;
    if (room < 0) return std::nullopt;
    places *= static_cast<double>(static_cast<std::int64_t>(room / static_cast<double>(*step))) + 1;
  }
  return places;
}

// Of a weight [out, in per group, …] and an input [n, in, …]: each place of the output takes all of the weight.
template <std::size_t stride, std::size_t padding, std::size_t dilation>
Flops convolution(const OperatorInputs& inputs) {
  if (inputs.dims.size() < 2 || inputs.dims[0].size() < 3) return std::nullopt;
  const Dims& input = inputs.dims[0];
  const Dims* const weight = tensor(inputs, 1, input.size());
  if (weight == nullptr) return std::nullopt;
  const Flops places =
      output_places(input, *weight, list(inputs, stride), list(inputs, padding), list(inputs, dilation));
  if (!places) return std::nullopt;
  return 2 * static_cast<double>(input[0]) * *places * product_of(*weight);
}

// Here each place of the input gives to all of the weight.
Flops transposed_convolution(const OperatorInputs& inputs) {
  if (inputs.dims.size() < 2 || inputs.dims[0].size() < 3) return std::nullopt;
  const Dims& input = inputs.dims[0];
  const Dims* const weight = tensor(inputs, 1, input.size());
  if (weight == nullptr) return std::nullopt;
  return 2 * static_cast<double>(input[0]) * product_of(input, 2) * product_of(*weight);
}

// As much as the forward pass for each of the two gradients that the mask asks for.
template <std::size_t mask, std::size_t transposed>
Flops convolution_backward(const OperatorInputs& inputs) {
  if (inputs.dims.size() < 3 || inputs.dims[0].size() < 3) return std::nullopt;
  const std::size_t rank = inputs.dims[0].size();
  const Dims* const input = tensor(inputs, 1, rank);
  const Dims* const weight = tensor(inputs, 2, rank);
  if (input == nullptr || weight == nullptr || !value(inputs, mask).starts_with('[')) return std::nullopt;
  const bool is_transposed = transposed > 0 && value(inputs, transposed) == "True";
  const double places = product_of(is_transposed ? *input : inputs.dims[0], 2);
  return 2 * static_cast<double>((*input)[0]) * places * product_of(*weight) * trues(value(inputs, mask), 2);
}

// Where the query stands, which dimension is the sequence, where sequences of unequal length and windows would stand.
struct AttentionForm {
  std::size_t query;
  std::size_t sequence;  // 2: [batch, heads, sequence, width], 1: [batch, sequence, heads, width]
  std::size_t lengths;
  std::size_t causal;
  std::size_t window;  // 0: no such input
  double products;     // of the size of query × key; the forward pass has two
};

template <const AttentionForm& form>
Flops attention(const OperatorInputs& inputs) {
  const Dims* const query = tensor(inputs, form.query, 4);
  const Dims* const key = tensor(inputs, form.query + 1, 4);
  const Dims* const values = tensor(inputs, form.query + 2, 4);
  if (query == nullptr || key == nullptr || values == nullptr || is_given(inputs, form.lengths)) return std::nullopt;
  if ((*query)[3] != (*values)[3]) return std::nullopt;
  for (std::size_t side = 0; form.window > 0 && side < 2; ++side) {
    const std::string_view window = value(inputs, form.window + side);
    if (!window.empty() && window != "-1") return std::nullopt;
  }
  const std::string_view causal = value(inputs, form.causal);
  const bool is_causal = causal == "True" || causal == "1" || causal == "2";
  if (!is_causal && causal != "False" && causal != "0") return std::nullopt;
  const std::int64_t sequence = (*query)[form.sequence];
  if (is_causal && sequence != (*key)[form.sequence]) return std::nullopt;  // the mask may begin in either corner
  const auto queries = static_cast<double>(sequence), keys = static_cast<double>((*key)[form.sequence]);
  const double pairs = is_causal ? queries * (queries + 1) / 2 : queries * keys;
  const auto heads = static_cast<double>((*query)[3 - form.sequence]);
  return form.products * 2 * static_cast<double>((*query)[0]) * heads * pairs * static_cast<double>((*query)[3]);
}

constexpr double kForward = 2;
constexpr double kBackward = 5;  // query × key once more, then two for each of the two products
constexpr AttentionForm kFlash{0, 1, 3, 8, 11, kForward};
constexpr AttentionForm kFlashBackward{1, 1, 6, 11, 15, kBackward};
constexpr AttentionForm kEfficient{0, 1, 4, 9, 0, kForward};
constexpr AttentionForm kEfficientBackward{1, 1, 6, 14, 0, kBackward};
constexpr AttentionForm kCudnn{0, 2, 4, 10, 0, kForward};
constexpr AttentionForm kCudnnBackward{1, 2, 9, 14, 0, kBackward};

struct Counted {
  std::string_view name;
  Flops (*flops)(const OperatorInputs&);
};

// Places of inputs are those of torch's own declarations (native_functions.yaml).
constexpr std::array kCounted{
    Counted{"aten::mm", matrix_product<0, 2>},
    Counted{"aten::addmm", matrix_product<1, 2>},
    Counted{"aten::_addmm_activation", matrix_product<1, 2>},
    Counted{"aten::bmm", matrix_product<0, 3>},
    Counted{"aten::baddbmm", matrix_product<1, 3>},
    Counted{"aten::_scaled_mm", matrix_product<0, 2>},
    Counted{"aten::cudnn_convolution", convolution<3, 2, 4>},
    Counted{"aten::cudnn_convolution_relu", convolution<3, 4, 5>},
    Counted{"aten::cudnn_convolution_add_relu", convolution<5, 6, 7>},
    Counted{"aten::_conv_depthwise2d", convolution<4, 5, 6>},
    Counted{"aten::conv_depthwise3d", convolution<4, 5, 6>},
    Counted{"aten::cudnn_convolution_transpose", transposed_convolution},
    Counted{"aten::convolution_backward", convolution_backward<10, 7>},
    Counted{"aten::_conv_depthwise2d_backward", convolution_backward<7, 0>},
    Counted{"aten::_flash_attention_forward", attention<kFlash>},
    Counted{"aten::_flash_attention_backward", attention<kFlashBackward>},
    Counted{"aten::_efficient_attention_forward", attention<kEfficient>},
    Counted{"aten::_efficient_attention_backward", attention<kEfficientBackward>},
    Counted{"aten::_cudnn_attention_forward", attention<kCudnn>},
    Counted{"aten::_cudnn_attention_backward", attention<kCudnnBackward>},
};

}  // namespace

bool counts_flops(std::string_view name) {
  return std::ranges::find(kCounted, name, &Counted::name) != kCounted.end();
}

std::optional<double> operator_flops(std::string_view name, const OperatorInputs& inputs) {
  const auto counted = std::ranges::find(kCounted, name, &Counted::name);
  if (counted == kCounted.end()) return std::nullopt;
  const Flops flops = counted->flops(inputs);
  return flops && *flops > 0 ? flops : std::nullopt;
}

}  // namespace wring

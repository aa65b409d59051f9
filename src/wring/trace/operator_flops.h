#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace wring {

// The inputs of an operator, as PyTorch's profiler records them with record_shapes.
struct OperatorInputs {
  std::vector<std::vector<std::int64_t>> dims;  // "Input Dims"; empty of what is no tensor
  std::vector<std::string> values;              // "Concrete Inputs": "[1, 1]", "True"; "" of a tensor
};

// Whether operator_flops() knows how to count an operator of this name.
bool counts_flops(std::string_view name);

// Operations of a matrix product, a convolution, an attention or one of their backward passes: a multiplication and
// an addition are two. Only the operators that launch kernels themselves are counted, not those around them. Causal
// attention counts half, its backward pass with what it computes again. Absent for other operators, and where the
// inputs do not tell: other shapes than expected, sequences of unequal length, windows.
std::optional<double> operator_flops(std::string_view name, const OperatorInputs& inputs);

}  // namespace wring

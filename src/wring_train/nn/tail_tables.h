#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace wring {

// Which output row sums which input rows: a sparse matrix of zeros and ones, compressed by rows.
struct RowTable {
  std::vector<std::int64_t> starts{0};  // of each output row in `sources`, and the end
  std::vector<std::int64_t> sources;    // input rows
  std::int64_t inputs = 0;

  std::int64_t outputs() const { return static_cast<std::int64_t>(starts.size()) - 1; }
  RowTable transposed() const;
  // What this table makes of the rows that `first` makes.
  RowTable after(const RowTable& first) const;
};

// One of the nine kernels that a folded tail consists of, as rows ((channel, R, S), P, Q) of the composed matrix:
// outputs R, S of a cell of `scale` × `scale` pixels, taps P, Q relative to the cell.
struct TailKernel {
  std::int64_t first_row = 0;
  std::int64_t first_bias = 0;
  std::int64_t first_output_row = 0, output_rows = 0;  // R
  std::int64_t first_output_column = 0, output_columns = 0;
  std::int64_t tap_rows = 0, tap_columns = 0;  // P, Q; at a border they start or end at the outermost pixel
  std::int64_t rows() const { return 3 * output_rows * output_columns * tap_rows * tap_columns; }
  std::int64_t biases() const { return 3 * output_rows * output_columns; }
  bool empty() const { return output_rows == 0 || output_columns == 0; }
};

// The paths that a kernel holds, along one axis: all of them, or those which leave the image over its first or its last
// row (column) on the way and would find zeros there.
enum TailSide : std::uint8_t { kAllPaths, kBeyondStart, kBeyondEnd };
inline constexpr int kTailSides = 3;

// How the tail's weights compose (docs/decisions/0005-folded-tail.md). Stages go from the pixels down to LR: stage i
// belongs to the i-th convolution from the end, without conv_last. With X₀ the rows (channel, i, j) of conv_last,
//   Gᵢ = gather[i](Xᵢ or Pᵢ₋₁)   rows (kernel, path, sub-pixel a, b) of C columns, read as (kernel, path) × (C, a, b)
//   Pᵢ = Gᵢ · upᵢ                rows (kernel, path, tap k, l) of C columns
//   X  = kernels(P of the last stage)
//   biases = bias(conv_last's three biases, then Gᵢ · upᵢ's bias for every stage).
struct TailTables {
  std::int64_t scale = 0;
  std::int64_t factor = 0;       // of each upsampling: 2, or 3 at scale 3
  std::vector<RowTable> gather;  // one a stage
  RowTable kernels;
  RowTable biases;
  std::array<std::array<TailKernel, kTailSides>, kTailSides> kernel;  // by row side, then column side
  std::int64_t kernel_rows = 0;
  std::int64_t bias_rows = 0;
};

// scale: 2, 3, 4 or 8.
TailTables make_tail_tables(std::int64_t scale);

}  // namespace wring

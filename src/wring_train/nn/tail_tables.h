#pragma once
#include <array>
#include <cstdint>
#include <vector>

#include "wring_train/nn/tail_paths.h"

namespace wring {

// Which output row sums which input rows: a sparse matrix of zeros and ones, compressed by rows.
struct RowTable {
  std::vector<std::int64_t> starts{0};  // of each output row in `sources`, and the end
  std::vector<std::int64_t> sources;    // input rows
  std::int64_t inputs = 0;

  std::int64_t outputs() const { return static_cast<std::int64_t>(starts.size()) - 1; }
  RowTable transposed() const;
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
};

// How the tail's weights compose (docs/decisions/0005-folded-tail.md): each term pairs a row term and a column term of
// tail_paths(). Stages go from the pixels down to LR. With M₁ the rows (colour, i, j) of conv_last, and each Mᵢ read as
// rows (colour, row state, column state),
//   Pᵢ   = Mᵢ · upᵢ        columns (sub-pixel a, b in stage 1, then tap k, l, then C), read as rows of C columns
//   Mᵢ₊₁ = gather[i](Pᵢ)   rows (colour, row state, column state, a, b) of C columns, read as columns (C, a, b)
//   X    = kernels(P of the last stage)
//   biases = biases(conv_last's three biases, then Mᵢ · upᵢ's bias for every stage, with (a, b) in stage 1).
struct TailTables {
  std::int64_t scale = 0;
  std::int64_t factor = 0;       // of each upsampling: 2, or 3 at scale 3
  std::vector<RowTable> gather;  // between each two stages
  RowTable kernels;
  RowTable biases;
  std::array<std::array<TailKernel, kPathSets>, kPathSets> kernel;  // by PathSet of rows, then of columns
};

// scale: 2, 3, 4 or 8.
TailTables make_tail_tables(std::int64_t scale);

}  // namespace wring

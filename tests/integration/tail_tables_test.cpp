// With one channel and whole numbers: what the tables compose, against the sum over every path, one by one.
#include "wring_train/nn/tail_tables.h"

#include <array>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace wring {
namespace {

using Numbers = std::vector<std::int64_t>;

struct WholeTail {
  std::int64_t factor;
  std::vector<Numbers> up;       // of each stage, the finest first: (a, b, k, l)
  std::vector<Numbers> up_bias;  // (a, b)
  Numbers last, last_bias;       // (colour, i, j), (colour)
};

WholeTail random_tail(const TailTables& tables, std::mt19937& random) {
  const auto numbers = [&](std::int64_t count) {
    Numbers values(static_cast<std::size_t>(count));
    for (auto& value : values) value = std::uniform_int_distribution<int>(-3, 3)(random);
    return values;
  };
  const std::int64_t sub_pixels = tables.factor * tables.factor;
  WholeTail tail{tables.factor, {}, {}, numbers(27), numbers(3)};
  for (std::size_t stage = 0; stage <= tables.gather.size(); ++stage) {
    tail.up.push_back(numbers(sub_pixels * 9));
    tail.up_bias.push_back(numbers(sub_pixels));
  }
  return tail;
}

Numbers sums(const RowTable& table, const Numbers& rows) {
  EXPECT_EQ(table.inputs, static_cast<std::int64_t>(rows.size()));
  Numbers result(static_cast<std::size_t>(table.outputs()));
  for (std::size_t output = 0; output < result.size(); ++output) {
    for (std::int64_t i = table.starts[output]; i < table.starts[output + 1]; ++i) {
      result[output] += rows[static_cast<std::size_t>(table.sources[static_cast<std::size_t>(i)])];
    }
  }
  return result;
}

// (rows, inner) · (inner, columns)
Numbers product(const Numbers& left, const Numbers& right, std::size_t inner) {
  const std::size_t columns = right.size() / inner;
  Numbers result(left.size() / inner * columns);
  for (std::size_t i = 0; i < left.size(); ++i) {
    for (std::size_t j = 0; j < columns; ++j) {
      result[i / inner * columns + j] += left[i] * right[i % inner * columns + j];
    }
  }
  return result;
}

struct Composed {
  Numbers kernels, biases;
};

Composed compose(const TailTables& tables, const WholeTail& tail) {
  Numbers states = tail.last;
  Numbers biases = tail.last_bias;
  for (std::size_t stage = 0;; ++stage) {
    const std::size_t inner = stage == 0 ? 1 : tail.up_bias[stage].size();
    const Numbers of_bias = product(states, tail.up_bias[stage], inner);
    biases.insert(biases.end(), of_bias.begin(), of_bias.end());
    const Numbers rows = product(states, tail.up[stage], inner);
    if (stage == tables.gather.size()) return {sums(tables.kernels, rows), sums(tables.biases, biases)};
    states = sums(tables.gather[stage], rows);
  }
}

// A path of one dimension from output R of a cell up to `row`: the tap of conv_last, then sub-row and tap of each
// stage.
struct Path {
  std::int64_t output, row;
  std::array<bool, kPathSets> in;
  std::vector<std::int64_t> steps;

  void go_to(std::int64_t where, std::int64_t size) {
    row = where;
    in[kPastFirstRow] = in[kPastFirstRow] || row < 0;
    in[kPastLastRow] = in[kPastLastRow] || row >= size;
  }
};

std::vector<Path> paths_of_last(std::int64_t scale) {
  std::vector<Path> paths;
  for (std::int64_t output = 0; output < scale; ++output) {
    for (std::int64_t i = 0; i < 3; ++i) {
      Path path{output, 0, {true, false, false}, {i}};
      path.go_to(output + i - 1, scale);
      paths.push_back(path);
    }
  }
  return paths;
}

// Into the sub-rows of a stage; its row is then one of the coarser level.
std::vector<Path> into_sub_rows(std::vector<Path> paths, std::int64_t factor) {
  for (Path& path : paths) {
    const std::int64_t sub_row = ((path.row % factor) + factor) % factor;
    path.steps.push_back(sub_row);
    path.row = (path.row - sub_row) / factor;
  }
  return paths;
}

// Beyond LR's border the folded convolution finds zeros as well: that is not leaving.
std::vector<Path> over_taps(const std::vector<Path>& paths, std::int64_t size) {
  std::vector<Path> result;
  for (const Path& path : paths) {
    for (std::int64_t k = 0; k < 3; ++k) {
      Path next = path;
      next.steps.push_back(k);
      size == 1 ? void(next.row += k - 1) : next.go_to(path.row + k - 1, size);
      result.push_back(next);
    }
  }
  return result;
}

// The product of the weights along a pair of paths; one that ends in a sub-row ends in its bias.
std::int64_t weight_of(const WholeTail& tail, std::int64_t colour, const Path& rows, const Path& columns) {
  const auto pair = [&](std::size_t step, std::int64_t width) {
    return static_cast<std::size_t>(rows.steps[step] * width + columns.steps[step]);
  };
  std::int64_t weight = tail.last[static_cast<std::size_t>(colour * 9) + pair(0, 3)];
  for (std::size_t step = 1; step < rows.steps.size(); step += 2) {
    const bool ends = step + 1 == rows.steps.size();
    const std::size_t sub_pixel = pair(step, tail.factor);
    weight *= ends ? tail.up_bias[step / 2][sub_pixel] : tail.up[step / 2][sub_pixel * 9 + pair(step + 1, 3)];
  }
  return weight;
}

// Calls visit(kernel, row set, column set, colour, rows, columns) for each kernel that holds a pair of paths.
template <class Visit>
void for_each_pair(const TailTables& tables, const std::vector<Path>& paths, Visit visit) {
  for (const Path& rows : paths) {
    for (const Path& columns : paths) {
      for (std::size_t row_set = 0; row_set < kPathSets; ++row_set) {
        for (std::size_t column_set = 0; column_set < kPathSets; ++column_set) {
          if (!rows.in[row_set] || !columns.in[column_set]) continue;
          for (std::int64_t colour = 0; colour < 3; ++colour) {
            visit(tables.kernel[row_set][column_set], row_set, column_set, colour, rows, columns);
          }
        }
      }
    }
  }
}

// The place of (colour, R, S) in a kernel.
std::int64_t output_of(const TailKernel& kernel, std::int64_t colour, const Path& rows, const Path& columns) {
  const std::int64_t r = rows.output - kernel.first_output_row;
  const std::int64_t s = columns.output - kernel.first_output_column;
  EXPECT_TRUE(r >= 0 && r < kernel.output_rows && s >= 0 && s < kernel.output_columns);
  return (colour * kernel.output_rows + r) * kernel.output_columns + s;
}

// Tap of a row of LR; -1 for one outside the image, where features are zero.
std::int64_t tap_of(std::size_t set, std::int64_t row, std::int64_t taps) {
  if (set == kAllPaths) return row + 2;
  if (set == kPastFirstRow) return row < 0 ? -1 : row;
  return row > 0 ? -1 : row + taps - 1;
}

Composed sum_over_paths(const TailTables& tables, const WholeTail& tail) {
  Composed sum{Numbers(static_cast<std::size_t>(tables.kernels.outputs())),
               Numbers(static_cast<std::size_t>(tables.biases.outputs()))};
  for (std::int64_t i = 0; i < tables.kernel[0][0].biases(); ++i) {
    sum.biases[static_cast<std::size_t>(i)] =
        tail.last_bias[static_cast<std::size_t>(i / (tables.scale * tables.scale))];
  }
  std::vector<Path> paths = paths_of_last(tables.scale);
  for (std::int64_t size = tables.scale / tables.factor; size >= 1; size /= tables.factor) {
    paths = into_sub_rows(paths, tables.factor);
    for_each_pair(tables, paths, [&](const TailKernel& kernel, auto, auto, auto colour, auto& rows, auto& columns) {
      const std::int64_t at = kernel.first_bias + output_of(kernel, colour, rows, columns);
      sum.biases[static_cast<std::size_t>(at)] += weight_of(tail, colour, rows, columns);
    });
    paths = over_taps(paths, size);
  }
  for_each_pair(tables, paths,
                [&](const TailKernel& kernel, auto row_set, auto column_set, auto colour, auto& rows, auto& columns) {
                  const std::int64_t p = tap_of(row_set, rows.row, kernel.tap_rows);
                  const std::int64_t q = tap_of(column_set, columns.row, kernel.tap_columns);
                  if (p < 0 || q < 0) return;
                  EXPECT_TRUE(p < kernel.tap_rows && q < kernel.tap_columns);
                  const std::int64_t output = output_of(kernel, colour, rows, columns);
                  const std::int64_t at = kernel.first_row + (output * kernel.tap_rows + p) * kernel.tap_columns + q;
                  sum.kernels[static_cast<std::size_t>(at)] += weight_of(tail, colour, rows, columns);
                });
  return sum;
}

TEST(TailTables, ComposeTheSumOverEveryPathInEveryKernelAtEveryScale) {
  std::mt19937 random(11);
  for (const std::int64_t scale : {2, 3, 4, 8}) {
    const TailTables tables = make_tail_tables(scale);
    const WholeTail tail = random_tail(tables, random);
    const Composed composed = compose(tables, tail);
    const Composed expected = sum_over_paths(tables, tail);
    EXPECT_EQ(composed.kernels, expected.kernels) << scale;
    EXPECT_EQ(composed.biases, expected.biases) << scale;
  }
}

TEST(TailTables, TransposedHaveInputsAndOutputsExchanged) {
  const RowTable table = make_tail_tables(4).kernels;
  const RowTable back = table.transposed();
  EXPECT_EQ(back.outputs(), table.inputs);
  EXPECT_EQ(back.inputs, table.outputs());
  EXPECT_EQ(back.transposed().starts, table.starts);
  // Their products with all pairs of numbers agree: y · (T x) = (Tᵗ y) · x.
  Numbers x(static_cast<std::size_t>(table.inputs));
  Numbers y(static_cast<std::size_t>(table.outputs()));
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<std::int64_t>(i % 7);
  for (std::size_t i = 0; i < y.size(); ++i) y[i] = static_cast<std::int64_t>(i % 5);
  EXPECT_EQ(product(y, sums(table, x), y.size()), product(sums(back, y), x, x.size()));
}

}  // namespace
}  // namespace wring

#include "wring_train/nn/tail_tables.h"

#include <algorithm>

namespace wring {
namespace {

constexpr std::int64_t kColours = 3;

// Rows of a stage's product (colour, row state, column state, sub-pixel, tap), or of its biases, which have one tap.
struct Product {
  std::int64_t inputs;    // states of one dimension
  std::int64_t sub_rows;  // in a term's column: only stage 1 has not summed over them
  std::int64_t taps;      // of one dimension
  std::int64_t first = 0;

  std::int64_t rows() const { return kColours * inputs * inputs * sub_rows * sub_rows * taps * taps; }
  std::int64_t row(std::int64_t colour, const PathTerm& of_rows, const PathTerm& of_columns) const {
    const std::int64_t states = (colour * inputs + of_rows.state) * inputs + of_columns.state;
    const std::int64_t sub_pixel = (states * sub_rows + of_rows.column / taps) * sub_rows + of_columns.column / taps;
    return first + (sub_pixel * taps + of_rows.column % taps) * taps + of_columns.column % taps;
  }
};

// Adds to the table's present output every pair of a row term and a column term.
void add_pairs(RowTable& table, const Product& product, std::int64_t colour, const std::vector<PathTerm>& of_rows,
               const std::vector<PathTerm>& of_columns) {
  for (const PathTerm& row : of_rows) {
    for (const PathTerm& column : of_columns) table.sources.push_back(product.row(colour, row, column));
  }
}

void end_output(RowTable& table) {
  table.starts.push_back(static_cast<std::int64_t>(table.sources.size()));
}

RowTable gather_table(const PathStage& stage, const Product& product, std::size_t factor) {
  RowTable table;
  table.inputs = product.rows();
  const std::size_t states = stage.terms.size() / factor;
  const std::size_t sub_pixels = factor * factor;
  for (std::int64_t colour = 0; colour < kColours; ++colour) {
    for (std::size_t i = 0; i < states * states * sub_pixels; ++i) {
      const std::size_t row = i / sub_pixels / states * factor + i % sub_pixels / factor;
      const std::size_t column = i / sub_pixels % states * factor + i % factor;
      add_pairs(table, product, colour, stage.terms[row], stage.terms[column]);
      end_output(table);
    }
  }
  return table;
}

// One dimension of a kernel: the outputs of a cell and the taps that any path of the set reaches. They are without
// gaps.
struct Reach {
  int set;
  std::int64_t first_output, outputs, first_tap, taps;
};

Reach reach_of(const TailPaths& paths, int set) {
  std::int64_t low_output = paths.scale, high_output = -1, low_tap = kFinalTaps[set], high_tap = -1;
  for (int output = 0; output < paths.scale; ++output) {
    for (int tap = 0; tap < kFinalTaps[set]; ++tap) {
      if (paths.final_terms(set, output, tap).empty()) continue;
      low_output = std::min<std::int64_t>(low_output, output);
      high_output = std::max<std::int64_t>(high_output, output);
      low_tap = std::min<std::int64_t>(low_tap, tap);
      high_tap = std::max<std::int64_t>(high_tap, tap);
    }
  }
  return {set, low_output, high_output - low_output + 1, low_tap, high_tap - low_tap + 1};
}

class Kernels {
 public:
  Kernels(const TailPaths& paths, const Product& last, const std::vector<Product>& biases, TailTables& tables)
      : paths_(paths), last_(last), biases_(biases), tables_(tables) {}

  void add(const Reach& rows, const Reach& columns) {
    tables_.kernel[rows.set][columns.set] = {
        tables_.kernels.outputs(), tables_.biases.outputs(), rows.first_output, rows.outputs,
        columns.first_output,      columns.outputs,          rows.taps,         columns.taps};
    for (std::int64_t colour = 0; colour < kColours; ++colour) {
      for (std::int64_t r = rows.first_output; r < rows.first_output + rows.outputs; ++r) {
        for (std::int64_t s = columns.first_output; s < columns.first_output + columns.outputs; ++s) {
          add_taps(rows, columns, colour, r, s);
          add_bias(rows.set, columns.set, colour, r, s);
        }
      }
    }
  }

 private:
  void add_taps(const Reach& rows, const Reach& columns, std::int64_t colour, std::int64_t r, std::int64_t s) {
    for (std::int64_t p = rows.first_tap; p < rows.first_tap + rows.taps; ++p) {
      for (std::int64_t q = columns.first_tap; q < columns.first_tap + columns.taps; ++q) {
        add_pairs(tables_.kernels, last_, colour, paths_.final_terms(rows.set, r, p),
                  paths_.final_terms(columns.set, s, q));
        end_output(tables_.kernels);
      }
    }
  }
  void add_bias(int row_set, int column_set, std::int64_t colour, std::int64_t r, std::int64_t s) {
    if (row_set == kAllPaths && column_set == kAllPaths) tables_.biases.sources.push_back(colour);
    for (std::size_t i = 0; i < biases_.size(); ++i) {
      const auto& terms = paths_.stages[i].bias_terms;
      add_pairs(tables_.biases, biases_[i], colour, terms[static_cast<std::size_t>(row_set * paths_.scale + r)],
                terms[static_cast<std::size_t>(column_set * paths_.scale + s)]);
    }
    end_output(tables_.biases);
  }

  const TailPaths& paths_;
  const Product& last_;
  const std::vector<Product>& biases_;
  TailTables& tables_;
};

}  // namespace

RowTable RowTable::transposed() const {
  RowTable result;
  result.inputs = outputs();
  result.starts.assign(static_cast<std::size_t>(inputs) + 1, 0);
  for (const std::int64_t source : sources) ++result.starts[static_cast<std::size_t>(source) + 1];
  for (std::size_t i = 1; i < result.starts.size(); ++i) result.starts[i] += result.starts[i - 1];
  result.sources.resize(sources.size());
  std::vector<std::int64_t> next(result.starts.begin(), result.starts.end() - 1);
  for (std::int64_t output = 0; output < outputs(); ++output) {
    for (std::int64_t i = starts[static_cast<std::size_t>(output)]; i < starts[static_cast<std::size_t>(output) + 1];
         ++i) {
      const auto source = static_cast<std::size_t>(sources[static_cast<std::size_t>(i)]);
      result.sources[static_cast<std::size_t>(next[source]++)] = output;
    }
  }
  return result;
}

TailTables make_tail_tables(std::int64_t scale) {
  const TailPaths paths = tail_paths(static_cast<int>(scale));
  TailTables tables;
  tables.scale = scale;
  tables.factor = paths.factor;
  tables.biases.inputs = kColours;
  std::vector<Product> products;
  std::vector<Product> biases;
  for (const PathStage& stage : paths.stages) {
    const std::int64_t sub_rows = products.empty() ? paths.factor : 1;
    products.push_back({stage.inputs, sub_rows, 3});
    biases.push_back({stage.inputs, sub_rows, 1, tables.biases.inputs});
    tables.biases.inputs += biases.back().rows();
    if (products.size() == paths.stages.size()) break;
    tables.gather.push_back(gather_table(stage, products.back(), static_cast<std::size_t>(paths.factor)));
  }
  tables.kernels.inputs = products.back().rows();
  Kernels kernels(paths, products.back(), biases, tables);
  for (int row = 0; row < kPathSets; ++row) {
    for (int column = 0; column < kPathSets; ++column) kernels.add(reach_of(paths, row), reach_of(paths, column));
  }
  return tables;
}

}  // namespace wring

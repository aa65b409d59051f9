#include "wring_train/nn/tail_tables.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

namespace wring {
namespace {

constexpr std::int64_t kColours = 3;
constexpr std::array<TailSide, kTailSides> kSides{kAllPaths, kBeyondStart, kBeyondEnd};

// One axis of a kernel before the next stage: output R of a cell and tap W, in pixels of the present level.
struct Tap {
  std::int64_t output, at;
  auto operator<=>(const Tap&) const = default;
};
using Taps = std::array<std::vector<Tap>, kTailSides>;  // sorted

// Paths that stand on one row T of the coarser level, before the upsampling convolution. sources: for each sub-row, the
// tap of the finer level that leads there, if any.
struct Source {
  TailSide side;
  std::int64_t tap;
};
struct Landing {
  std::int64_t output, at;
  std::vector<std::optional<Source>> sources;
};
using Landings = std::array<std::vector<Landing>, kTailSides>;

std::optional<std::int64_t> find(const std::vector<Tap>& taps, Tap wanted) {
  const auto found = std::ranges::lower_bound(taps, wanted);
  if (found == taps.end() || *found != wanted) return std::nullopt;
  return found - taps.begin();
}

// Where paths of `side` come from that stand on row Z of a cell of `factor` rows and belong to its sub-row A. All paths
// belong to a side once they stand beyond it; on the outermost row they may have been there before.
std::optional<TailSide> origin(TailSide side, std::int64_t z, std::int64_t a, std::int64_t factor) {
  if (side == kAllPaths) return kAllPaths;
  const bool start = side == kBeyondStart;
  if (start ? z < 0 : z >= factor) return kAllPaths;
  if (a == (start ? 0 : factor - 1)) return side;
  return std::nullopt;
}

// `size`: outputs per cell at the finer level.
Landings land(const Taps& taps, std::int64_t size, std::int64_t factor) {
  Landings result;
  for (const TailSide side : kSides) {
    for (std::int64_t output = 0; output < factor * size; ++output) {
      const std::int64_t a = output / size;
      for (const std::int64_t at : {-1, 0, 1}) {
        Landing landing{output, at, std::vector<std::optional<Source>>(static_cast<std::size_t>(factor))};
        bool any = false;
        for (std::int64_t sub = 0; sub < factor; ++sub) {
          const std::int64_t z = factor * at + sub;
          const auto from = origin(side, z, a, factor);
          if (!from) continue;
          if (const auto tap = find(taps[*from], {output % size, z - a})) {
            landing.sources[static_cast<std::size_t>(sub)] = Source{*from, *tap};
            any = true;
          }
        }
        if (any) result[side].push_back(std::move(landing));
      }
    }
  }
  return result;
}

// Only taps inside the image matter at a border: the coarser stage takes what is beyond it from all paths, and
// features beyond it are zero.
bool inside(TailSide side, std::int64_t w) {
  return side == kAllPaths || (side == kBeyondStart ? w >= 0 : w <= 0);
}

Taps spread(const Landings& landings) {
  Taps result;
  for (const TailSide side : kSides) {
    std::vector<Tap>& taps = result[side];
    for (const Landing& landing : landings[side]) {
      for (const std::int64_t k : {-1, 0, 1}) {
        if (inside(side, landing.at + k)) taps.push_back({landing.output, landing.at + k});
      }
    }
    std::ranges::sort(taps);
    const auto repeated = std::ranges::unique(taps);
    taps.erase(repeated.begin(), repeated.end());
  }
  return result;
}

// The last stage's taps filled up to a rectangle, which a convolution needs. All paths: 5 taps whatever the scale.
Taps rectangles(const Taps& taps, std::int64_t scale) {
  Taps result;
  for (const TailSide side : kSides) {
    if (taps[side].empty()) continue;
    std::int64_t first = taps[side].front().output;
    std::int64_t last = taps[side].back().output;
    std::int64_t low = 0;
    std::int64_t high = 0;
    for (const Tap& tap : taps[side]) {
      low = std::min(low, tap.at);
      high = std::max(high, tap.at);
    }
    if (side == kAllPaths) {
      first = 0;
      last = scale - 1;
      low = -2;
      high = 2;
    }
    for (std::int64_t output = first; output <= last; ++output) {
      for (std::int64_t at = low; at <= high; ++at) result[side].push_back({output, at});
    }
  }
  return result;
}

// Rows of a matrix in blocks by (row side, column side), each (colour, row element, column element).
class Blocks {
 public:
  template <class Elements>
  explicit Blocks(const Elements& elements) {
    for (const TailSide side : kSides) size_[side] = static_cast<std::int64_t>(elements[side].size());
    for (const TailSide row : kSides) {
      for (const TailSide column : kSides) {
        first_[row][column] = total_;
        total_ += kColours * size_[row] * size_[column];
      }
    }
  }
  std::int64_t row(TailSide row, TailSide column, std::int64_t colour, std::int64_t i, std::int64_t j) const {
    return first_[row][column] + (colour * size_[row] + i) * size_[column] + j;
  }
  std::int64_t first(TailSide row, TailSide column) const { return first_[row][column]; }
  std::int64_t total() const { return total_; }

 private:
  std::array<std::int64_t, kTailSides> size_{};
  std::array<std::array<std::int64_t, kTailSides>, kTailSides> first_{};
  std::int64_t total_ = 0;
};

// Calls visit(row side, column side, colour, i, j) for every row of the blocks, in order.
template <class Elements, class Visit>
void for_each_row(const Elements& elements, Visit visit) {
  for (const TailSide row : kSides) {
    for (const TailSide column : kSides) {
      for (std::int64_t colour = 0; colour < kColours; ++colour) {
        for (std::size_t i = 0; i < elements[row].size(); ++i) {
          for (std::size_t j = 0; j < elements[column].size(); ++j) visit(row, column, colour, i, j);
        }
      }
    }
  }
}

RowTable gather_table(const Landings& landings, const Taps& taps, std::int64_t factor) {
  const Blocks blocks(taps);
  RowTable table;
  table.inputs = blocks.total();
  for_each_row(landings, [&](TailSide row, TailSide column, std::int64_t colour, std::size_t i, std::size_t j) {
    for (std::int64_t a = 0; a < factor; ++a) {
      for (std::int64_t b = 0; b < factor; ++b) {
        const auto& vertical = landings[row][i].sources[static_cast<std::size_t>(a)];
        const auto& horizontal = landings[column][j].sources[static_cast<std::size_t>(b)];
        if (vertical && horizontal) {
          table.sources.push_back(blocks.row(vertical->side, horizontal->side, colour, vertical->tap, horizontal->tap));
        }
        table.starts.push_back(static_cast<std::int64_t>(table.sources.size()));
      }
    }
  });
  return table;
}

// For each tap of an axis, the landings and taps k of the upsampling convolution that reach it.
using Reached = std::array<std::vector<std::vector<std::pair<std::int64_t, std::int64_t>>>, kTailSides>;

Reached reached(const Landings& landings, const Taps& taps) {
  Reached result;
  for (const TailSide side : kSides) {
    for (const Tap& tap : taps[side]) {
      auto& from = result[side].emplace_back();
      for (std::size_t i = 0; i < landings[side].size(); ++i) {
        const std::int64_t k = tap.at - landings[side][i].at;
        if (landings[side][i].output == tap.output && k >= -1 && k <= 1) {
          from.emplace_back(static_cast<std::int64_t>(i), k + 1);
        }
      }
    }
  }
  return result;
}

// Adds up, for every tap, what the upsampling convolution's taps make of the landings.
RowTable spread_table(const Landings& landings, const Taps& taps) {
  const Blocks from(landings);
  const Reached sources = reached(landings, taps);
  RowTable table;
  table.inputs = from.total() * 9;
  for_each_row(taps, [&](TailSide row, TailSide column, std::int64_t colour, std::size_t i, std::size_t j) {
    for (const auto& [landing_row, k] : sources[row][i]) {
      for (const auto& [landing_column, l] : sources[column][j]) {
        table.sources.push_back(from.row(row, column, colour, landing_row, landing_column) * 9 + k * 3 + l);
      }
    }
    table.starts.push_back(static_cast<std::int64_t>(table.sources.size()));
  });
  return table;
}

std::int64_t outputs(const std::vector<Tap>& taps) {
  return taps.empty() ? 0 : taps.back().output - taps.front().output + 1;
}

void describe_kernels(const Taps& taps, TailTables& tables) {
  const Blocks blocks(taps);
  for (const TailSide row : kSides) {
    for (const TailSide column : kSides) {
      TailKernel& kernel = tables.kernel[row][column];
      if (taps[row].empty() || taps[column].empty()) continue;
      kernel.first_row = blocks.first(row, column);
      kernel.first_bias = tables.bias_rows;
      kernel.first_output_row = taps[row].front().output;
      kernel.output_rows = outputs(taps[row]);
      kernel.tap_rows = static_cast<std::int64_t>(taps[row].size()) / kernel.output_rows;
      kernel.first_output_column = taps[column].front().output;
      kernel.output_columns = outputs(taps[column]);
      kernel.tap_columns = static_cast<std::int64_t>(taps[column].size()) / kernel.output_columns;
      tables.bias_rows += kernel.biases();
    }
  }
  tables.kernel_rows = blocks.total();
}

// From blocks with rows (colour, (R, P), (S, Q)) to rows (colour, R, S, P, Q).
RowTable outputs_first(const RowTable& table, const Taps& taps, const TailTables& tables) {
  RowTable result;
  result.inputs = table.inputs;
  const Blocks blocks(taps);
  for (const TailSide row : kSides) {
    for (const TailSide column : kSides) {
      const TailKernel& kernel = tables.kernel[row][column];
      for (std::int64_t output = 0; output < kernel.biases(); ++output) {
        const std::int64_t s = output % kernel.output_columns;
        const std::int64_t r = output / kernel.output_columns % kernel.output_rows;
        const std::int64_t colour = output / kernel.output_columns / kernel.output_rows;
        for (std::int64_t p = 0; p < kernel.tap_rows; ++p) {
          for (std::int64_t q = 0; q < kernel.tap_columns; ++q) {
            const auto from = static_cast<std::size_t>(
                blocks.row(row, column, colour, r * kernel.tap_rows + p, s * kernel.tap_columns + q));
            result.sources.insert(result.sources.end(), table.sources.begin() + table.starts[from],
                                  table.sources.begin() + table.starts[from + 1]);
            result.starts.push_back(static_cast<std::int64_t>(result.sources.size()));
          }
        }
      }
    }
  }
  return result;
}

// For one stage, by side and output of the whole tail: the landings whose upsampling bias reaches it along one axis.
using BiasPaths = std::array<std::vector<std::vector<std::int64_t>>, kTailSides>;

BiasPaths bias_paths(const Landings& landings, std::int64_t size) {
  BiasPaths result;
  for (const TailSide side : kSides) {
    result[side].resize(static_cast<std::size_t>(size));
    for (std::size_t i = 0; i < landings[side].size(); ++i) {
      result[side][static_cast<std::size_t>(landings[side][i].output)].push_back(static_cast<std::int64_t>(i));
    }
  }
  return result;
}

// The same for cells of the next coarser level: at its border only the outermost sub-row's paths left the image.
BiasPaths coarser(const BiasPaths& paths, std::int64_t factor) {
  BiasPaths result;
  for (const TailSide side : kSides) {
    for (std::int64_t a = 0; a < factor; ++a) {
      const bool reaches = side == kAllPaths || a == (side == kBeyondStart ? 0 : factor - 1);
      for (const auto& of_output : paths[side]) {
        result[side].push_back(reaches ? of_output : std::vector<std::int64_t>{});
      }
    }
  }
  return result;
}

struct Stage {
  Landings landings;
  BiasPaths bias;
};

RowTable bias_table(const std::vector<Stage>& stages, const TailTables& tables) {
  RowTable table;
  for (const TailSide row : kSides) {
    for (const TailSide column : kSides) {
      const TailKernel& kernel = tables.kernel[row][column];
      for (std::int64_t output = 0; output < kernel.biases(); ++output) {
        const std::int64_t s = output % kernel.output_columns + kernel.first_output_column;
        const std::int64_t r = output / kernel.output_columns % kernel.output_rows + kernel.first_output_row;
        const std::int64_t colour = output / kernel.output_columns / kernel.output_rows;
        if (row == kAllPaths && column == kAllPaths) table.sources.push_back(colour);
        std::int64_t base = kColours;
        for (const Stage& stage : stages) {
          const Blocks blocks(stage.landings);
          for (const std::int64_t i : stage.bias[row][static_cast<std::size_t>(r)]) {
            for (const std::int64_t j : stage.bias[column][static_cast<std::size_t>(s)]) {
              table.sources.push_back(base + blocks.row(row, column, colour, i, j));
            }
          }
          base += blocks.total();
        }
        table.inputs = base;
        table.starts.push_back(static_cast<std::int64_t>(table.sources.size()));
      }
    }
  }
  return table;
}

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

RowTable RowTable::after(const RowTable& first) const {
  RowTable result;
  result.inputs = first.inputs;
  for (std::size_t output = 0; output + 1 < starts.size(); ++output) {
    for (std::int64_t i = starts[output]; i < starts[output + 1]; ++i) {
      const auto middle = static_cast<std::size_t>(sources[static_cast<std::size_t>(i)]);
      result.sources.insert(result.sources.end(), first.sources.begin() + first.starts[middle],
                            first.sources.begin() + first.starts[middle + 1]);
    }
    result.starts.push_back(static_cast<std::int64_t>(result.sources.size()));
  }
  return result;
}

TailTables make_tail_tables(std::int64_t scale) {
  TailTables tables;
  tables.scale = scale;
  tables.factor = scale == 3 ? 3 : 2;
  Taps taps;
  taps[kAllPaths] = {{0, -1}, {0, 0}, {0, 1}};  // conv_last
  std::vector<Stage> stages;
  RowTable spread_before;
  for (std::int64_t size = 1; size < scale; size *= tables.factor) {
    Landings landings = land(taps, size, tables.factor);
    const RowTable gather = gather_table(landings, taps, tables.factor);
    tables.gather.push_back(stages.empty() ? gather : gather.after(spread_before));
    for (Stage& stage : stages) stage.bias = coarser(stage.bias, tables.factor);
    taps = spread(landings);
    if (size * tables.factor == scale) taps = rectangles(taps, scale);
    spread_before = spread_table(landings, taps);
    stages.push_back({landings, bias_paths(landings, size * tables.factor)});
  }
  describe_kernels(taps, tables);
  tables.kernels = outputs_first(spread_before, taps, tables);
  tables.biases = bias_table(stages, tables);
  return tables;
}

}  // namespace wring

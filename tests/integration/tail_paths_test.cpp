// One dimension with one channel is enough to see every path: the tail as it is, against the composition by lists.
#include "wring_train/nn/tail_paths.h"

#include <random>

#include <gtest/gtest.h>

namespace wring {
namespace {

using Row = std::vector<double>;

struct TinyTail {
  std::vector<std::vector<Row>> up;  // of each stage, the finest first: a row of three taps for each sub-row
  std::vector<Row> up_bias;
  Row last;
};

TinyTail random_tail(const TailPaths& paths, std::mt19937& random) {
  std::uniform_real_distribution<double> any(-1, 1);
  const auto row = [&](int size) {
    Row values(static_cast<std::size_t>(size));
    for (double& value : values) value = any(random);
    return values;
  };
  TinyTail tail;
  for (std::size_t s = 0; s < paths.stages.size(); ++s) {
    tail.up.emplace_back();
    for (int a = 0; a < paths.factor; ++a) tail.up.back().push_back(row(3));
    tail.up_bias.push_back(row(paths.factor));
  }
  tail.last = row(3);
  return tail;
}

double at(const Row& row, int i) {
  return i < 0 || i >= static_cast<int>(row.size()) ? 0 : row[static_cast<std::size_t>(i)];
}

// Convolutions with zero padding, each followed by its pixel shuffle, then the last one.
Row plain(const TinyTail& tail, Row x) {
  for (std::size_t s = tail.up.size(); s-- > 0;) {
    Row finer;
    for (int p = 0; p < static_cast<int>(x.size()); ++p) {
      for (std::size_t a = 0; a < tail.up[s].size(); ++a) {
        double sum = tail.up_bias[s][a];
        for (int k = 0; k < 3; ++k) sum += tail.up[s][a][static_cast<std::size_t>(k)] * at(x, p + k - 1);
        finer.push_back(sum);
      }
    }
    x = finer;
  }
  Row out;
  for (int z = 0; z < static_cast<int>(x.size()); ++z) {
    double sum = 0;
    for (int i = 0; i < 3; ++i) sum += tail.last[static_cast<std::size_t>(i)] * at(x, z + i - 1);
    out.push_back(sum);
  }
  return out;
}

struct Composed {
  Row kernel;  // of the final states
  Row bias;    // of (set, R)
};

Composed compose(const TailPaths& paths, const TinyTail& tail) {
  Composed composed;
  composed.bias.assign(static_cast<std::size_t>(kPathSets * paths.scale), 0);
  std::vector<Row> matrix;  // of each input state, its sub-rows; of stage 1 the tap itself
  for (const double tap : tail.last) matrix.push_back({tap});
  for (std::size_t s = 0; s < paths.stages.size(); ++s) {
    const PathStage& stage = paths.stages[s];
    const auto product = [&](const PathTerm& term) {
      const Row& row = matrix[static_cast<std::size_t>(term.state)];
      if (s == 0)
        return row[0] *
               tail.up[s][static_cast<std::size_t>(term.column / 3)][static_cast<std::size_t>(term.column % 3)];
      double sum = 0;
      for (std::size_t a = 0; a < row.size(); ++a) sum += row[a] * tail.up[s][a][static_cast<std::size_t>(term.column)];
      return sum;
    };
    const auto bias = [&](const PathTerm& term) {
      const Row& row = matrix[static_cast<std::size_t>(term.state)];
      if (s == 0) return row[0] * tail.up_bias[s][static_cast<std::size_t>(term.column)];
      double sum = 0;
      for (std::size_t a = 0; a < row.size(); ++a) sum += row[a] * tail.up_bias[s][a];
      return sum;
    };
    for (std::size_t i = 0; i < composed.bias.size(); ++i) {
      for (const PathTerm& term : stage.bias_terms[i]) composed.bias[i] += bias(term);
    }
    Row outputs;
    for (const auto& terms : stage.terms) {
      outputs.push_back(0);
      for (const PathTerm& term : terms) outputs.back() += product(term);
    }
    if (s + 1 == paths.stages.size()) {
      composed.kernel = outputs;
      break;
    }
    matrix.assign(static_cast<std::size_t>(paths.stages[s + 1].inputs), Row(static_cast<std::size_t>(paths.factor), 0));
    for (std::size_t o = 0; o < outputs.size(); ++o) {
      const auto factor = static_cast<std::size_t>(paths.factor);
      matrix[o / factor][o % factor] = outputs[o];
    }
  }
  return composed;
}

TEST(TailPaths, ComposedKernelsGiveThePlainTailsOutputIncludingBothBorders) {
  std::mt19937 random(7);
  for (const int scale : {2, 3, 4, 8}) {
    const TailPaths paths = tail_paths(scale);
    const TinyTail tail = random_tail(paths, random);
    const Composed composed = compose(paths, tail);
    ASSERT_EQ(composed.kernel.size(), static_cast<std::size_t>(paths.final_states()));
    for (const int size : {3, 4, 9}) {
      Row x;
      for (int i = 0; i < size; ++i) x.push_back(std::uniform_real_distribution<double>(-1, 1)(random));
      const Row expected = plain(tail, x);
      for (int p = 0; p < size; ++p) {
        for (int r = 0; r < scale; ++r) {
          const auto part = [&](int set, std::size_t start, int first, int count) {
            double sum = composed.bias[static_cast<std::size_t>(set * scale + r)];
            for (int i = 0; i < count; ++i) {
              sum += composed.kernel[start + static_cast<std::size_t>(r * count + i)] * at(x, p + first + i);
            }
            return sum;
          };
          const auto s = static_cast<std::size_t>(scale);
          double value = part(0, 0, -2, 5);
          if (p == 0) value -= part(1, 5 * s, 0, 2);
          if (p == size - 1) value -= part(2, 7 * s, -1, 2);
          EXPECT_NEAR(value, expected[static_cast<std::size_t>(p * scale + r)], 1e-12)
              << scale << " " << size << " " << p;
        }
      }
    }
  }
}

}  // namespace
}  // namespace wring

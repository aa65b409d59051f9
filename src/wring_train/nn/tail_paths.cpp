#include "wring_train/nn/tail_paths.h"

#include <map>
#include <tuple>

#include "wring/plan/edsr_shape.h"

namespace wring {
namespace {

using State = std::tuple<int, int, int>;  // path set, sub-row R, row
using Terms = std::map<State, std::vector<PathTerm>>;

constexpr int kAll = static_cast<int>(PathSet::all);
constexpr int kFirst = static_cast<int>(PathSet::past_first_row);
constexpr int kLast = static_cast<int>(PathSet::past_last_row);

int floor_divide(int a, int b) {
  return a >= 0 ? a / b : -((-a + b - 1) / b);
}

bool outside(int set, int row, int size) {
  return set == kFirst ? row < 0 : row >= size;
}

struct Stage {
  int size;       // rows of a cell at the resolution of the stage's input
  bool reads_lr;  // whose padding the folded convolution has too: leaving it drops nothing
};

// Stage 1: from the taps of the last convolution.
Terms first_stage(int scale, int factor, const Stage& stage, PathStage& out) {
  Terms terms;
  out.inputs = 3;
  out.bias_terms.resize(static_cast<std::size_t>(kPathSets * scale));
  for (int r = 0; r < scale; ++r) {
    for (int i = 0; i < 3; ++i) {
      const int z = r + i - 1;
      const int t = floor_divide(z, factor);
      const int a = z - factor * t;
      for (int set = 0; set < kPathSets; ++set) {
        const bool gone = set == kAll || outside(set, z, scale);
        if (gone) out.bias_terms[static_cast<std::size_t>(set * scale + r)].push_back({i, a});
        for (int k = 0; k < 3; ++k) {
          const int row = t + k - 1;
          if (gone || (!stage.reads_lr && outside(set, row, stage.size))) {
            terms[{set, r, row}].push_back({i, a * 3 + k});
          }
        }
      }
    }
  }
  return terms;
}

// A later stage: its input states are (set, R, T).
Terms later_stage(const std::vector<State>& inputs, int scale, const Stage& stage, PathStage& out) {
  Terms terms;
  out.inputs = static_cast<std::int32_t>(inputs.size());
  out.bias_terms.resize(static_cast<std::size_t>(kPathSets * scale));
  for (std::size_t s = 0; s < inputs.size(); ++s) {
    const auto [set, r, t] = inputs[s];
    const auto state = static_cast<std::int32_t>(s);
    out.bias_terms[static_cast<std::size_t>(set * scale + r)].push_back({state, 0});
    for (int k = 0; k < 3; ++k) {
      const int row = t + k - 1;
      const auto leaves = [&](int which) { return !stage.reads_lr && outside(which, row, stage.size); };
      // What leaves here counts as dropped whether or not it had left before: all of it comes from the set of all.
      if (set == kAll || !leaves(set)) terms[{set, r, row}].push_back({state, k});
      if (set == kAll) {
        for (const int which : {kFirst, kLast}) {
          if (leaves(which)) terms[{which, r, row}].push_back({state, k});
        }
      }
    }
  }
  return terms;
}

std::vector<PathTerm> find(const Terms& terms, const State& state) {
  const auto found = terms.find(state);
  return found == terms.end() ? std::vector<PathTerm>() : found->second;
}

// Pairs of rows 2T, 2T + 1 (or triples) become the sub-rows of the next stage's states. Returns those.
std::vector<State> pair_up(const Terms& terms, int factor, PathStage& out) {
  std::map<State, int> numbers;
  for (const auto& [state, unused] : terms) {
    const auto [set, r, row] = state;
    numbers.try_emplace({set, r, floor_divide(row, factor)}, 0);
  }
  std::vector<State> next;
  for (auto& [state, number] : numbers) {
    number = static_cast<int>(next.size());
    next.push_back(state);
    const auto [set, r, t] = state;
    for (int a = 0; a < factor; ++a) {
      out.terms.push_back(find(terms, {set, r, factor * t + a}));
      out.next.push_back(number);
      out.sub_row.push_back(a);
    }
  }
  return next;
}

void finish(const Terms& terms, int scale, PathStage& out) {
  const auto add = [&](int set, int first, int last) {
    for (int r = 0; r < scale; ++r) {
      for (int p = first; p <= last; ++p) out.terms.push_back(find(terms, {set, r, p}));
    }
  };
  add(kAll, -2, 2);
  add(kFirst, 0, 1);
  add(kLast, -1, 0);
}

}  // namespace

TailPaths tail_paths(int scale) {
  TailPaths paths;
  paths.scale = scale;
  paths.factor = static_cast<std::int32_t>(edsr_upsampling(scale).factor);
  std::vector<State> states;
  for (int size = scale / paths.factor; size >= 1; size /= paths.factor) {
    const Stage stage{size, size == 1};
    PathStage out;
    const Terms terms =
        paths.stages.empty() ? first_stage(scale, paths.factor, stage, out) : later_stage(states, scale, stage, out);
    if (stage.reads_lr) {
      finish(terms, scale, out);
    } else {
      states = pair_up(terms, paths.factor, out);
    }
    paths.stages.push_back(std::move(out));
  }
  return paths;
}

}  // namespace wring

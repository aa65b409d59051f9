#include "wring_train/nn/tail_paths.h"

#include <map>
#include <set>
#include <tuple>

#include "wring/plan/edsr_shape.h"

namespace wring {
namespace {

using State = std::tuple<int, int, int>;  // path set, sub-row R, row
using Terms = std::map<State, std::vector<PathTerm>>;

int floor_divide(int a, int b) {
  return a >= 0 ? a / b : -((-a + b - 1) / b);
}

// Rows that no path of the set stands on: beyond its border every path has left, and the state of all paths stands for
// the set. Beyond LR's border features are zero.
bool outside(int set, int row, int size) {
  return set == kPastFirstRow ? row < 0 : set == kPastLastRow && row >= size;
}

// Stage 1: from the taps of the last convolution. `size`: rows of a cell at the resolution of the stage's input.
Terms first_stage(int scale, int factor, int size, PathStage& out) {
  Terms terms;
  out.inputs = 3;
  out.bias_terms.resize(static_cast<std::size_t>(kPathSets * scale));
  for (int r = 0; r < scale; ++r) {
    for (int i = 0; i < 3; ++i) {
      const int z = r + i - 1;
      const int t = floor_divide(z, factor);
      const int a = z - factor * t;
      for (int set = 0; set < kPathSets; ++set) {
        if (set != kAllPaths && !outside(set, z, scale)) continue;
        out.bias_terms[static_cast<std::size_t>(set * scale + r)].push_back({i, a});
        for (int k = 0; k < 3; ++k) {
          const int row = t + k - 1;
          if (!outside(set, row, size)) terms[{set, r, row}].push_back({i, a * 3 + k});
        }
      }
    }
  }
  return terms;
}

// A later stage: its input states are (set, R, T).
Terms later_stage(const std::vector<State>& inputs, int scale, int size, PathStage& out) {
  Terms terms;
  out.inputs = static_cast<std::int32_t>(inputs.size());
  out.bias_terms.resize(static_cast<std::size_t>(kPathSets * scale));
  for (std::size_t s = 0; s < inputs.size(); ++s) {
    const auto [of_state, r, t] = inputs[s];
    const auto state = static_cast<std::int32_t>(s);
    for (int set = 0; set < kPathSets; ++set) {
      if (set != of_state && (of_state != kAllPaths || !outside(set, t, size))) continue;
      out.bias_terms[static_cast<std::size_t>(set * scale + r)].push_back({state, 0});
      for (int k = 0; k < 3; ++k) {
        const int row = t + k - 1;
        if (!outside(set, row, size)) terms[{set, r, row}].push_back({state, k});
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
  std::set<State> found;
  for (const auto& [state, unused] : terms) {
    const auto [set, r, row] = state;
    found.insert({set, r, floor_divide(row, factor)});
  }
  for (const auto& [set, r, t] : found) {
    for (int a = 0; a < factor; ++a) out.terms.push_back(find(terms, {set, r, factor * t + a}));
  }
  return {found.begin(), found.end()};
}

void finish(const Terms& terms, int scale, PathStage& out) {
  constexpr int kFirstTap[kPathSets] = {-2, 0, -1};
  for (int set = 0; set < kPathSets; ++set) {
    for (int r = 0; r < scale; ++r) {
      for (int tap = 0; tap < kFinalTaps[set]; ++tap) out.terms.push_back(find(terms, {set, r, kFirstTap[set] + tap}));
    }
  }
}

}  // namespace

TailPaths tail_paths(int scale) {
  TailPaths paths;
  paths.scale = scale;
  paths.factor = static_cast<std::int32_t>(edsr_upsampling(scale).factor);
  std::vector<State> states;
  for (int size = scale / paths.factor; size >= 1; size /= paths.factor) {
    PathStage out;
    const Terms terms =
        paths.stages.empty() ? first_stage(scale, paths.factor, size, out) : later_stage(states, scale, size, out);
    if (size == 1) {
      finish(terms, scale, out);
    } else {
      states = pair_up(terms, paths.factor, out);
    }
    paths.stages.push_back(std::move(out));
  }
  return paths;
}

}  // namespace wring

#pragma once
#include <cstdint>
#include <vector>

namespace wring {

// How the weights of EDSR's linear tail (upsampling convolutions with pixel shuffles, then a last convolution) compose
// into one 5×5 kernel, in one dimension; rows and columns compose alike and independently, so two dimensions are the
// product of two of these. Also for the border: there the plain network drops every path that leaves the image at a
// resolution above LR's (its zero padding), and a border pixel needs the sum over the dropped paths as a correction.
//
// A path of output sub-row R of a cell goes up: tap i of the last convolution, row Z = R + i; then for every stage,
// from the finest: row T = ⌊Z / f⌋ of the stage's convolution, sub-row a = Z mod f, tap k, row T + k of its input; and
// so on to a row P of the LR features. All are relative to the cell.
enum PathSet : std::uint8_t {
  kAllPaths,      // every path: the kernel away from the border
  kPastFirstRow,  // those that leave a cell of the first row upwards
  kPastLastRow,   // those that leave a cell of the last row downwards
};
constexpr int kPathSets = 3;
// Rows P that the final states of each set have: −2…2, 0…1 and −1…0. No path that matters reaches another.
constexpr int kFinalTaps[kPathSets] = {5, 2, 2};

// One stage of the composition as a sparse sum: output state o takes its terms, each an input state and a column group
// of the stage's matrix product (stage 1: sub-row and tap, a · 3 + k; later stages: tap k).
struct PathTerm {
  std::int32_t state = 0;
  std::int32_t column = 0;
  bool operator==(const PathTerm&) const = default;
};
struct PathStage {
  std::int32_t inputs = 0;                   // states; of stage 1 the taps i
  std::vector<std::vector<PathTerm>> terms;  // of each output state: the next stage's (input state, sub-row)
  // The stage's bias: terms of (set, R), at [set · scale + R]; the column is the sub-row (stage 1) or 0.
  std::vector<std::vector<PathTerm>> bias_terms;
};

struct TailPaths {
  std::int32_t scale = 4;
  std::int32_t factor = 2;
  std::vector<PathStage> stages;  // the finest first
  // The output states of the last stage are (set, R, P).
  std::int32_t final_states() const { return scale * 9; }
  const std::vector<PathTerm>& final_terms(int set, std::int64_t r, std::int64_t tap) const {
    std::int64_t before = 0;
    for (int i = 0; i < set; ++i) before += kFinalTaps[i];
    return stages.back().terms[static_cast<std::size_t>(before * scale + r * kFinalTaps[set] + tap)];
  }
};

// scale: 2, 3, 4 or 8.
TailPaths tail_paths(int scale);

}  // namespace wring

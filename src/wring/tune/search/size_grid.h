#pragma once
#include <cstdint>
#include <optional>
#include <vector>

namespace wring {

// The sizes that a search tries: 1, 2, 4, the multiples of 8, and the config's own, from `least` to `most`.
struct SizeGrid {
  std::int64_t least = 1;
  std::int64_t most = 1;
  std::int64_t own = 0;  // the config's batch: allowed even off the grid; 0: none

  bool allows(std::int64_t batch) const;
  // The largest allowed size at or below; absent where there is none.
  std::optional<std::int64_t> at_or_below(double batch) const;
  // The smallest allowed size at or above.
  std::optional<std::int64_t> at_or_above(double batch) const;
  // The nearer of the two, the smaller where both are as near.
  std::optional<std::int64_t> nearest(double batch) const;
};

// Three sizes for the first lines: `start`, its half and its double where they are allowed, else more below it, else
// above. Fewer where the grid has fewer. Ascending.
std::vector<std::int64_t> first_probes(const SizeGrid& grid, std::int64_t start);

}  // namespace wring

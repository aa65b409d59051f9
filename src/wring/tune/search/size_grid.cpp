#include "wring/tune/search/size_grid.h"

#include <algorithm>
#include <cmath>

namespace wring {
namespace {

// Matrix units want multiples of 8; below, powers of 2.
std::int64_t floor_to_grid(std::int64_t batch) {
  if (batch >= 8) return batch / 8 * 8;
  return batch >= 4 ? 4 : batch;  // 3 is asked for by nobody; see ceil_to_grid
}

std::int64_t ceil_to_grid(std::int64_t batch) {
  if (batch > 4) return (batch + 7) / 8 * 8;
  return batch == 3 ? 4 : batch;
}

std::int64_t whole(double batch) {
  return static_cast<std::int64_t>(std::clamp(batch, -1.0, 1e15));
}

}  // namespace

bool SizeGrid::allows(std::int64_t batch) const {
  if (batch < least || batch > most) return false;
  return batch == own || (batch % 8 == 0 && batch > 0) || batch == 1 || batch == 2 || batch == 4;
}

std::optional<std::int64_t> SizeGrid::at_or_below(double batch) const {
  const std::int64_t limit = std::min(whole(std::floor(batch)), most);
  if (limit < least) return std::nullopt;
  std::int64_t size = limit == 3 ? 2 : floor_to_grid(limit);
  if (own <= limit && own > size && own >= least) size = own;
  if (size >= least && size > 0) return size;
  return std::nullopt;
}

std::optional<std::int64_t> SizeGrid::at_or_above(double batch) const {
  const std::int64_t limit = std::max({whole(std::ceil(batch)), least, std::int64_t{1}});
  if (limit > most) return std::nullopt;
  std::int64_t size = ceil_to_grid(limit);
  if (own >= limit && own < size) size = own;
  if (size > most) return std::nullopt;
  return size;
}

std::optional<std::int64_t> SizeGrid::nearest(double batch) const {
  const auto below = at_or_below(batch);
  const auto above = at_or_above(batch);
  if (!below) return above;
  if (!above) return below;
  return batch - static_cast<double>(*below) <= static_cast<double>(*above) - batch ? below : above;
}

std::vector<std::int64_t> first_probes(const SizeGrid& grid, std::int64_t start) {
  std::vector<std::int64_t> sizes;
  const auto take = [&](std::optional<std::int64_t> size) {
    if (size && sizes.size() < 3 && std::ranges::find(sizes, *size) == sizes.end()) sizes.push_back(*size);
  };
  const auto middle = static_cast<double>(std::clamp(start, grid.least, grid.most));
  take(grid.nearest(middle));
  for (const double factor : {0.5, 2.0, 0.25, 0.125, 0.0625}) {
    // Doubles come from below and halves from above, so that neither falls upon the start.
    const double wanted = middle * factor;
    if (wanted >= static_cast<double>(grid.least) && wanted <= static_cast<double>(grid.most)) {
      take(factor < 1 ? grid.at_or_below(wanted) : grid.at_or_above(wanted));
    }
  }
  for (const double factor : {4.0, 8.0, 16.0}) take(grid.at_or_above(middle * factor));
  std::ranges::sort(sizes);
  return sizes;
}

}  // namespace wring

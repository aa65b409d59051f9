#include "wring/tune/search/steps.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "wring/base/error.h"

namespace wring {
namespace {

// The jump goes where this share of the asymptotic rate is predicted: the rest is less than ε, and costs ever more.
constexpr double kJumpShare = 0.98;
// Three small sizes foretell no more than this: a line's slope is known as well as its span is long.
constexpr double kFarthestJump = 8;
constexpr double kFirstJump = 4;
// Without memory readings, or with such as lie on no line, a step into the dark is shorter.
constexpr double kBlindJump = 4;
// The time line's asymptote is extrapolated from small sizes, and a rate may creep up far beyond it: while the largest
// size measured leaves this share to gain by doubling, the next is worth its time.
constexpr double kWorthDoubling = 0.005;
// Twice the largest size without a gain shows that larger does not help.
constexpr double kShowsTheEnd = 2;
// A failed size whose predicted peak is at most this share of the limit failed for a reason of its own.
constexpr double kClearlyFits = 0.8;
// After one failure for a reason of its own the line is believed, after two it is not.
constexpr int kOwnReasons = 1;
// How far back from a failed size towards the largest that ran.
constexpr double kStepBack = 0.6;
constexpr double kStepBelow = 0.95;
// A jump in doubt is checked at this share of it.
constexpr double kCheckAt = 0.8;
// Sizes nearer than this share are one and the same for a choice.
constexpr double kCloseEnough = 0.1;

bool failed_for_a_reason_of_its_own(const BatchPicture& picture, const SizePicture& size) {
  if (!picture.memory.line || !picture.capacity_mib) return false;
  if (size.outcome != TrialOutcome::oom && size.outcome != TrialOutcome::error) return false;
  return size.fit == Fit::fails &&
         picture.memory.line->at(static_cast<double>(size.batch)) <= kClearlyFits * picture.memory_limit_mib();
}

// The smallest failed size above the largest usable one that bounds the search.
const SizePicture* bound_above(const BatchPicture& picture) {
  const SizePicture* largest = picture.largest_usable();
  int excused = 0;
  for (const SizePicture& size : picture.sizes) {
    if (size.usable() || (largest != nullptr && size.batch < largest->batch)) continue;
    if (excused < kOwnReasons && failed_for_a_reason_of_its_own(picture, size)) {
      ++excused;
      continue;
    }
    return &size;
  }
  return nullptr;
}

double expected_rate(const BatchPicture& picture, std::int64_t batch) {
  const double ms = expected_step_ms(picture, batch);
  return ms > 0 ? 1000.0 * static_cast<double>(batch) / ms : 0;
}

double wanted_jump(const BatchPicture& picture, const SizePicture& largest, bool first) {
  const auto from = static_cast<double>(largest.batch);
  double wanted = kFarthestJump * from;  // no line: the time does not grow yet
  if (picture.time.line) wanted = batch_for_share(*picture.time.line, kJumpShare);
  double farthest = picture.capacity_mib && picture.memory.line ? kFarthestJump : kBlindJump;
  // Without a line it is certain only that memory grows no faster than the batch.
  if (picture.capacity_mib && !picture.memory.line && largest.peak_mib && *largest.peak_mib > 0) {
    farthest = std::clamp(picture.memory_limit_mib() / static_cast<double>(*largest.peak_mib), 1.0, farthest);
  }
  if (farthest < kFirstJump) return farthest * from;
  return std::clamp(wanted, (first ? kFirstJump : 1) * from, farthest * from);
}

// An untried size strictly between, as near to `batch` as can be.
std::optional<std::int64_t> untried_between(const BatchPicture& picture, const SizeGrid& grid, double batch,
                                            std::int64_t lower, std::int64_t upper) {
  const auto free = [&](std::optional<std::int64_t> size) {
    return size && *size > lower && *size < upper && picture.find(*size) == nullptr;
  };
  for (auto size = grid.at_or_above(batch); size && *size < upper;
       size = grid.at_or_above(static_cast<double>(*size + 1))) {
    if (free(size)) return size;
  }
  for (auto size = grid.at_or_below(batch); size && *size > lower;
       size = grid.at_or_below(static_cast<double>(*size - 1))) {
    if (free(size)) return size;
  }
  return std::nullopt;
}

const SizePicture* measured_below(const BatchPicture& picture, std::int64_t batch) {
  const SizePicture* below = nullptr;
  for (const SizePicture& size : picture.sizes) {
    if (size.batch < batch && size.measured()) below = &size;
  }
  return below;
}

// Whether the largest size, which is also the fastest, promises a gain by doubling it. Where the rate nears its end as
// 1 − k/B, a gain g from P to L leaves g / 2(L/P − 1) from L to 2L.
bool still_gains(const BatchPicture& picture, const SizePicture& largest) {
  const SizePicture* below = measured_below(picture, largest.batch);
  if (below == nullptr || picture.best() != &largest) return false;
  const double gain = largest.steadied / below->steadied - 1;
  const double ratio = static_cast<double>(largest.batch) / static_cast<double>(below->batch);
  return gain / (2 * (ratio - 1)) >= kWorthDoubling;
}

double step_ms(const SizePicture& size) {
  return 1000.0 * static_cast<double>(size.batch) / size.steadied;
}

}  // namespace

SizeGrid grid_of(const BatchSearchOptions& options) {
  const auto refuse = [](Text what, Text cure) { throw Error(ErrorCode::usage, std::move(what), std::move(cure)); };
  if (!(options.epsilon > 0 && options.epsilon < 0.5)) {
    refuse({"epsilon must lie between 0 and 0.5", "epsilon 必须介于 0 与 0.5 之间"},
           {"0.025 is usual", "通常取 0.025"});
  }
  if (!(options.budget_s > 0)) {
    refuse({"the time budget must be positive", "时间预算必须为正"}, {"30 s is usual", "通常为 30 秒"});
  }
  if (options.start_batch < 1 || options.min_batch < 1 || options.max_batch < 1) {
    refuse({"a batch must be at least 1", "batch 至少为 1"}, {});
  }
  SizeGrid grid{.least = options.min_batch, .most = options.max_batch, .own = options.start_batch};
  if (options.host_batch_limit) {
    grid.most = std::min(grid.most, *options.host_batch_limit);
    if (grid.most < 1) {
      refuse({"the loader's queues do not fit into the host's memory, even at batch 1",
              "即使 batch 为 1，数据加载队列也放不进主机内存"},
             {"lower num_workers or prefetch_factor", "请减小 num_workers 或 prefetch_factor"});
    }
  }
  grid.least = std::min(grid.least, grid.most);
  if (!grid.at_or_below(static_cast<double>(grid.most))) grid.least = 1;
  return grid;
}

std::int64_t ceiling_of(const BatchPicture& picture, const SizeGrid& grid) {
  std::int64_t most = grid.most;
  if (picture.memory.line && picture.capacity_mib) {
    most = std::min(most, largest_batch(*picture.memory.line, picture.memory_limit_mib()));
  }
  if (const SizePicture* bound = bound_above(picture)) most = std::min(most, bound->batch - 1);
  // What ran and fits is never out of reach, whatever a line says.
  if (const SizePicture* largest = picture.largest_usable()) most = std::max(most, largest->batch);
  return most;
}

double expected_step_ms(const BatchPicture& picture, std::int64_t batch) {
  const SizePicture* below = nullptr;
  const SizePicture* above = nullptr;
  for (const SizePicture& size : picture.sizes) {
    if (!size.undisturbed()) continue;
    if (size.batch <= batch) below = &size;
    if (size.batch >= batch && above == nullptr) above = &size;
  }
  if (below != nullptr && above != nullptr) {
    if (below == above) return step_ms(*below);
    const double share = static_cast<double>(batch - below->batch) / static_cast<double>(above->batch - below->batch);
    return step_ms(*below) + share * (step_ms(*above) - step_ms(*below));
  }
  if (picture.time.line && picture.time.line->at(static_cast<double>(batch)) > 0) {
    return picture.time.line->at(static_cast<double>(batch));
  }
  // Without a line the time did not grow.
  if (below != nullptr) return step_ms(*below);
  return above != nullptr ? step_ms(*above) : 0;
}

std::optional<std::int64_t> jump_target(const BatchPicture& picture, const BatchSearchOptions& options,
                                        const SizeGrid& grid, std::int64_t most, bool first) {
  const SizePicture* largest = picture.largest_usable();
  if (largest == nullptr || most <= largest->batch) return std::nullopt;
  double wanted = std::min(wanted_jump(picture, *largest, first), static_cast<double>(most));
  if (const SizePicture* bound = bound_above(picture)) {
    // A size without room was measured, so that the memory line knows; what failed otherwise taught it nothing.
    const double back = bound->fit == Fit::no_room ? kStepBelow : kStepBack;
    wanted = std::min(wanted,
                      static_cast<double>(largest->batch) + back * static_cast<double>(bound->batch - largest->batch));
  }
  auto size = grid.at_or_below(wanted);
  if (!size || *size <= largest->batch) size = grid.at_or_above(static_cast<double>(largest->batch + 1));
  while (size && picture.find(*size) != nullptr) size = grid.at_or_above(static_cast<double>(*size + 1));
  if (!size || *size > most) return std::nullopt;
  const double gain = expected_rate(picture, *size) / picture.best()->steadied - 1;
  if (gain > options.epsilon / 4) return size;
  const bool shows_the_end = first && static_cast<double>(*size) >= kShowsTheEnd * static_cast<double>(largest->batch);
  if (shows_the_end) return size;
  if (first || bound_above(picture) != nullptr || !still_gains(picture, *largest)) return std::nullopt;
  const auto twice = grid.at_or_below(std::min(2.0 * static_cast<double>(largest->batch), static_cast<double>(most)));
  return twice && *twice > largest->batch ? twice : std::nullopt;
}

std::optional<std::int64_t> doubted_jump(const BatchPicture& picture, const BatchSearchOptions& options,
                                         const SizeGrid& grid, const SearchTrial& jump) {
  const SizePicture* size = picture.find(jump.batch);
  if (size == nullptr || !size->undisturbed() || !near_the_limit(picture, *size)) return std::nullopt;
  if (!jump.predicted_rate || size->rate >= *jump.predicted_rate * (1 - options.epsilon)) return std::nullopt;
  const SizePicture* below = measured_below(picture, size->batch);
  const double check = kCheckAt * static_cast<double>(size->batch);
  // What was measured beyond the check says as much.
  if (below == nullptr || static_cast<double>(below->batch) >= check) return std::nullopt;
  return untried_between(picture, grid, check, below->batch, size->batch);
}

std::optional<std::int64_t> closer_size(const BatchPicture& picture, const BatchSearchOptions& options,
                                        const SizeGrid& grid, std::int64_t most) {
  const SizePicture* upper = choose(picture, options, most);
  if (upper == nullptr || upper == own_size(picture, options)) return std::nullopt;
  const double wanted = rate_to_reach(picture, options, most);
  if (upper->steadied < wanted) return std::nullopt;  // nothing smaller will
  const SizePicture* below = measured_below(picture, upper->batch);
  const std::int64_t lower = below != nullptr ? below->batch : grid.least - 1;
  const double enough = upper->batch > 8 ? std::max(8.0, kCloseEnough * static_cast<double>(upper->batch)) : 1.0;
  if (static_cast<double>(upper->batch - lower) <= enough) return std::nullopt;

  // 1000·B/t(B) = wanted, with t on the straight line between the two; without a smaller one, on the time line.
  double slope = picture.time.line ? picture.time.line->slope : 0;
  double intercept = picture.time.line ? picture.time.line->intercept : step_ms(*upper);
  if (below != nullptr) {
    slope = (step_ms(*upper) - step_ms(*below)) / static_cast<double>(upper->batch - below->batch);
    intercept = step_ms(*upper) - slope * static_cast<double>(upper->batch);
  }
  const double divisor = 1000.0 / wanted - slope;
  double crossing = divisor > 0 ? intercept / divisor : static_cast<double>(upper->batch);
  // A first size below all that was measured is no farther off than a quarter.
  const double least = below != nullptr ? static_cast<double>(lower) : static_cast<double>(upper->batch) / 4;
  crossing = std::clamp(crossing, least, static_cast<double>(upper->batch));
  return untried_between(picture, grid, crossing, lower, upper->batch);
}

std::optional<std::int64_t> natural_neighbour(const BatchPicture& picture, const BatchSearchOptions& options,
                                              const SizeGrid& grid, std::int64_t most) {
  const SizePicture* chosen = choose(picture, options, most);
  if (chosen == nullptr || options.natural_multiple.value_or(0) < 2) return std::nullopt;
  const std::int64_t wave = *options.natural_multiple;
  const std::int64_t below = chosen->batch / wave * wave;
  for (const std::int64_t size : {below, below + wave}) {
    const double distance = std::abs(static_cast<double>(size - chosen->batch)) / static_cast<double>(chosen->batch);
    if (size < grid.least || size > most || distance > 2 * kCloseEnough) continue;
    if (picture.find(size) == nullptr) return size;
  }
  return std::nullopt;
}

std::vector<std::int64_t> finalists(const BatchPicture& picture, const BatchSearchOptions& options, std::int64_t most) {
  std::vector<std::int64_t> sizes;
  const SizePicture* chosen = choose(picture, options, most);
  if (chosen == nullptr) return sizes;
  const SizePicture* own = own_size(picture, options);
  const SizePicture* narrowly_out = nullptr;
  const double wanted = rate_to_reach(picture, options, most);
  for (const SizePicture& size : picture.sizes) {
    const double margin = std::max(options.epsilon, 2 * size.relative_error);
    const bool near = size.usable() && size.steadied >= wanted * (1 - margin);
    if (size.batch < chosen->batch && near && &size != own) narrowly_out = &size;
  }
  // The best of a noisy few was lucky; a choice that is also the best has to be so against what is larger.
  const SizePicture* rival = picture.best(most);
  if (rival == chosen) {
    rival = nullptr;
    for (const SizePicture& size : picture.sizes) {
      const bool larger = size.batch > chosen->batch && size.batch <= most && size.usable();
      if (larger && (rival == nullptr || size.steadied > rival->steadied)) rival = &size;
    }
  }
  const bool has_won = own == nullptr || own == chosen || contest_of(picture, *own, *chosen).won();
  if (!has_won) sizes.push_back(own->batch);
  sizes.push_back(chosen->batch);
  if (narrowly_out != nullptr) sizes.push_back(narrowly_out->batch);
  if (rival != nullptr && rival != own) sizes.push_back(rival->batch);
  return sizes;
}

const SizePicture* decide(const BatchPicture& picture, const BatchSearchOptions& options, std::int64_t most) {
  const SizePicture* own = own_size(picture, options);
  if (own == nullptr || own->batch > most) return choose(picture, options, most);
  if (picture.spread > kDisturbed) return own;
  double best = 0;
  std::vector<const SizePicture*> winners;
  for (const SizePicture& size : picture.sizes) {
    if (&size == own || size.batch > most || !size.usable() || !contest_of(picture, *own, size).won()) continue;
    winners.push_back(&size);
    best = std::max(best, size.steadied);
  }
  for (const SizePicture* size : winners) {
    if (size->steadied >= best * (1 - options.epsilon)) return size;
  }
  return own;
}

}  // namespace wring

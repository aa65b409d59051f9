#include "wring_train/train/rank_times.h"

#include <algorithm>

namespace wring {

std::vector<std::pair<std::string, double>> RankTimes::metrics() const {
  if (ranks == 1) return {};
  return {{"ranks", ranks}, {"slowest_rank", slowest}, {"data_wait_spread", data_wait_share - least_wait_share}};
}

RankTimes compare_ranks(Ranks& ranks, const OwnTimes& own) {
  RankTimes times{own.data_wait_share, own.peak_memory_mib, ranks.size(), 0, own.data_wait_share};
  const auto all = ranks.gather({own.data_wait_share, own.peak_memory_mib});
  const auto waits_less = [](const auto& a, const auto& b) { return a[0] < b[0]; };
  const auto [least, most] = std::ranges::minmax_element(all, waits_less);
  times.least_wait_share = (*least)[0];
  times.data_wait_share = (*most)[0];
  times.slowest = static_cast<int>(most - all.begin());
  for (const auto& one : all) times.peak_memory_mib = std::max(times.peak_memory_mib, one[1]);
  return times;
}

}  // namespace wring

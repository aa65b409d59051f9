#include "wring/findings/straggler.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

namespace wring {
namespace {

constexpr std::size_t kFewestLines = 3;
// A few percent of a step are noise between machines that are alike; below, nothing is to be gained.
constexpr double kClearSpread = 0.03;
// Ranks that take turns at being last share a cause, such as one disk: none of them is to blame.
constexpr double kNearlyAlways = 2.0 / 3;
// Where even the quickest rank waits this much, the data are slow everywhere, and this verdict is the lesser one.
constexpr double kAllWait = 0.1;

double mean(std::span<const RankLine> lines, double RankLine::*value) {
  double sum = 0;
  for (const RankLine& line : lines) sum += line.*value;
  return sum / static_cast<double>(lines.size());
}

std::pair<int, std::size_t> most_often_slowest(std::span<const RankLine> lines) {
  std::map<int, std::size_t> times;
  for (const RankLine& line : lines) ++times[line.slowest];
  const auto most = std::ranges::max_element(times, {}, [](const auto& entry) { return entry.second; });
  return {most->first, most->second};
}

Finding verdict_on(int rank, std::size_t times, std::size_t lines, double wait, double spread) {
  Finding found;
  found.key = "straggler";
  found.headline = straggler_headline(fmt::to_string(rank));
  found.rule = {
      "one rank waits longest for its data in at least two of three lines, {:.0f} % of its time "
      "more than the quickest",
      "同一进程在至少三分之二的记录中等待数据最久，且比最快者多出 {:.0f}% 的时间", 100 * kClearSpread};
  found.numbers = {"slowest in {} of {} lines; waits {:.1f} % of its time for data, the quickest {:.1f} %",
                   "{1} 条记录中有 {0} 条最慢；等待数据占其时间的 {2:.1f}%，最快者为 {3:.1f}%",
                   times,
                   lines,
                   100 * wait,
                   100 * (wait - spread)};
  found.confidence = std::min(0.9, 0.5 + 2 * (spread - kClearSpread));
  if (wait - spread > kAllWait) found.confidence -= 0.2;
  found.next_step = {
      "its machine has a slower disk, fewer free cores or other work: wring diagnose CONFIG there, more "
      "num_workers, or data_cache: gpu",
      "其所在机器磁盘较慢、空闲核心较少或有其他任务：在该机运行 wring diagnose CONFIG，增加 num_workers，或用 "
      "data_cache: gpu"};
  return found;
}

}  // namespace

Text straggler_headline(const std::string& ranks) {
  return {"straggler: all wait for rank {}", "拖慢者：所有进程在等 rank {}", ranks};
}

RunSummary summarize_ranks(std::filesystem::path metrics, std::span<const RankLine> lines) {
  RunSummary summary;
  summary.metrics = std::move(metrics);
  summary.lines = lines.size();
  if (lines.empty()) return summary;
  summary.ranks = lines.back().ranks;
  summary.spread = mean(lines, &RankLine::spread);
  const auto [rank, times] = most_often_slowest(lines);
  const bool always = static_cast<double>(times) >= kNearlyAlways * static_cast<double>(lines.size());
  if (lines.size() < kFewestLines || !always || summary.spread < kClearSpread) return summary;
  summary.slowest = rank;
  summary.straggler = verdict_on(rank, times, lines.size(), mean(lines, &RankLine::data_wait_share), summary.spread);
  return summary;
}

}  // namespace wring

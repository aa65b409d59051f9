#pragma once
#include <cstdint>
#include <deque>
#include <filesystem>
#include <mutex>

#include "wring/findings/straggler.h"
#include "wring/process/line_splitter.h"

namespace wring {

// Follows the metrics of a run, of which several ranks make one file. May be asked from several threads.
class RunMetrics {
 public:
  // `run`: the run's folder, experiments/NAME, or a .jsonl file. Neither need exist yet.
  explicit RunMetrics(const std::filesystem::path& run);

  // Of its newest lines, as far as they are written. What is no line of metrics, or of one rank, is passed over.
  RunSummary summary();

 private:
  void read_new();
  void take(std::string_view line);

  std::mutex mutex_;
  std::filesystem::path file_;
  std::uintmax_t read_ = 0;  // bytes
  LineSplitter lines_;
  std::deque<RankLine> newest_;
};

}  // namespace wring

#pragma once
#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>
#include <string>

#include "wring/findings/finding.h"

namespace wring {

// What one line of a run's metrics (docs/metrics.md) says of its ranks.
struct RankLine {
  int ranks = 0;
  int slowest = 0;             // the rank that waited most for its data
  double data_wait_share = 0;  // of that rank's time, 0 to 1
  double spread = 0;           // its share less that of the rank that waited least
};

// How the ranks of a run keep step, over some lines of its metrics.
struct RunSummary {
  std::filesystem::path metrics;     // the file
  std::size_t lines = 0;             // with several ranks; what follows is of these
  int ranks = 0;                     // in the last one
  double spread = 0;                 // mean
  std::optional<int> slowest;        // the straggler, where there is one
  std::optional<Finding> straggler;  // the one rank that holds the others up
};

// What is said of the rank, or of several ("1, 3"), that the others wait for, in a run and in a program.
Text straggler_headline(const std::string& ranks);

// Ranks go in step, so one that waits for its data holds up all. Names it where it is the same rank nearly always and
// the others wait clearly less; silent below three lines.
RunSummary summarize_ranks(std::filesystem::path metrics, std::span<const RankLine> lines);

}  // namespace wring

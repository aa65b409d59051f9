#pragma once
#include <cstdint>
#include <optional>
#include <vector>

#include "wring/findings/program_ranks.h"
#include "wring/report/program/judged.h"

namespace wring {

// A cause of several ranks, or of one.
struct CauseOfRanks {
  ProgramFinding found;
  std::int64_t of_rank = 0;         // whose finding that is: it gives back most there
  std::vector<std::int64_t> ranks;  // that have it
};

// The one verdict on a program of several ranks.
struct RanksVerdict {
  std::vector<std::int64_t> ranks;  // that were seen; others may run elsewhere
  std::int64_t world_size = 0;
  std::optional<HeldUpRanks> straggler;
  std::vector<std::int64_t> stragglers;  // the ranks that it names
  std::vector<CauseOfRanks> causes;      // what gives back most on average first
};

struct JudgedProgram {
  std::vector<JudgedProcess> ranks;
  std::optional<RanksVerdict>
      verdict;  // absent where there is one process, or several that are no ranks of one program
};

}  // namespace wring

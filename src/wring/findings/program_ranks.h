#pragma once
#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "wring/findings/program.h"

namespace wring {

// The rank, or the few, that the other ranks of a program wait for.
struct HeldUpRanks {
  std::vector<std::size_t> stragglers;  // their places in the list
  double own_ms = 0;                    // of a step without waiting for others: the quickest of them
  double others_own_ms = 0;             // the slowest of the others
  double others_wait_ms = 0;            // what the others wait longer, the median
  std::string_view reason;              // the share that is larger there than with the others: "loader"
  ProgramFinding found;                 // gives back what is between the two own times
  // Of each rank: the part of its collectives in which it waits for them.
  std::vector<double> held_up_ms;
};

// Ranks go in step: a collective runs until the last one has come, so it is long with those that wait and short with
// the one that comes last. A rank's own time is its step without its collectives; whose own is clearly the longest
// holds the others up. Silent below two ranks, where ranks do not go in step or their traces are of other times, and
// where half of them are slow.
std::optional<HeldUpRanks> find_straggler(std::span<const ProgramInput> ranks);

}  // namespace wring

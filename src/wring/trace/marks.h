#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "wring/trace/chrome_trace.h"

namespace wring {

// What a step's end looks like in a trace that the agent made: an annotation of this name.
inline constexpr std::string_view kStepMark = "wring.step";

// The moments at which steps end, in order; the first begins a step, so there is one less of these.
struct StepMarks {
  std::int64_t thread = 0;  // the one that steps
  std::vector<std::int64_t> at_ns;
  std::string optimizer;  // "AdamW": whose steps they are, where they are told by its ranges
};

// The agent's marks; where there are none, the ends of the ranges that PyTorch gives the optimiser's steps: those of
// the class that steps most often, but for the last. Two optimisers of one class have one name: where they step several
// times for a batch each such round counts once. Empty where fewer than two steps of an optimiser were recorded.
StepMarks find_marks(const Trace& trace);

}  // namespace wring

#pragma once
#include <cstdint>
#include <optional>
#include <vector>

#include "wring/tune/search/options.h"
#include "wring/tune/search/picture.h"
#include "wring/tune/search/size_grid.h"

namespace wring {

// The decisions of the search, each a pure function of what was measured.

// The caps of the options: the largest batch, the host's memory. Throws Error{usage} where nothing is left or the
// options cannot be.
SizeGrid grid_of(const BatchSearchOptions& options);

// The largest size worth a try: within the memory line's limit, and below every size that failed, save one that the
// line says fits clearly: memory need not be monotonic.
std::int64_t ceiling_of(const BatchPicture& picture, const SizeGrid& grid);

// Milliseconds that a step should take at this batch: between its measured neighbours, beyond them by the line.
double expected_step_ms(const BatchPicture& picture, std::int64_t batch);

// Where to jump: as far as the rate still grows by the time line, at most to `most`, at most eightfold. Absent where a
// larger size cannot be had or does not pay. The first jump always pays: it is what shows that larger does not help.
std::optional<std::int64_t> jump_target(const BatchPicture& picture, const BatchSearchOptions& options,
                                        const SizeGrid& grid, std::int64_t most, bool first);

// A size below the last jump, where that came near the memory's limit and was slower than foretold: only a size in
// between tells a card that is full from an allocator in trouble. Absent where there is nothing to doubt.
std::optional<std::int64_t> doubted_jump(const BatchPicture& picture, const BatchSearchOptions& options,
                                         const SizeGrid& grid, const SearchTrial& jump);

// A size between the chosen one and the next smaller measured one, where the rate should cross what it has to reach;
// absent when they are close enough.
std::optional<std::int64_t> closer_size(const BatchPicture& picture, const BatchSearchOptions& options,
                                        const SizeGrid& grid, std::int64_t most);

// The nearest untried size of whole waves around the chosen one; absent without the hint.
std::optional<std::int64_t> natural_neighbour(const BatchPicture& picture, const BatchSearchOptions& options,
                                              const SizeGrid& grid, std::int64_t most);

// Which sizes to measure again in turn: the choice, its best rival (where the choice is the best itself, among the
// larger ones), and what was narrowly left out below it. The config's own comes first where the choice has not won over
// it yet.
std::vector<std::int64_t> finalists(const BatchPicture& picture, const BatchSearchOptions& options, std::int64_t most);

// The search's answer: the smallest within ε of the best among the sizes that have won over the config's own in turns,
// else that one. Where it did not run, the choice. nullptr where nothing ran.
const SizePicture* decide(const BatchPicture& picture, const BatchSearchOptions& options, std::int64_t most);

}  // namespace wring

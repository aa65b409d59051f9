#pragma once
#include <cstdint>

#include "wring/base/text.h"
#include "wring/tune/search/options.h"
#include "wring/tune/search/picture.h"
#include "wring/tune/search/types.h"

namespace wring {

// What a search ended with, in whole sentences with their numbers: medians of what was measured, as every table shows
// them.

// One more sentence, where it says anything.
void append(Text& text, const Text& sentence);

// The fastest usable size above this one; nullptr where none ran.
const SizePicture* best_above(const BatchPicture& picture, std::int64_t batch);

// The fastest usable size; `chosen` counts also where it leaves less than the reserve.
const SizePicture& fastest(const BatchPicture& picture, const SizePicture& chosen);

// Why the configuration's own size stays.
Text sentence_of_staying(const BatchPicture& picture, const SizePicture& own, const SearchEnd& end);

// Why another one was chosen.
Text sentence_of_choice(const BatchPicture& picture, const SizePicture& chosen, const BatchSearchOptions& options);

Text sentence_of_disturbance(double spread);

// Why nothing was chosen.
Text reason_for_nothing(const BatchSearchResult& result, const BatchSearchOptions& options, const SearchEnd& end);

// What is told beside the choice itself: failures, larger sizes, memory, soak, time.
Text details_of(const BatchSearchResult& result, const BatchPicture& picture, const BatchSearchOptions& options,
                const SearchEnd& end);

}  // namespace wring

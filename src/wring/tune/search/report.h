#pragma once
#include "wring/tune/search/batch_search.h"
#include "wring/tune/search/picture.h"

namespace wring {

// What a search ended with, before it is put into words.
struct SearchEnd {
  const SizePicture* chosen = nullptr;  // of the picture
  std::optional<std::int64_t> failed_soak;
  bool cut_short = false;
  bool cancelled = false;
  Text broken;  // why the search gave up: the program fails whatever the batch is
};

// Fills everything of `result` that follows from its trials.
void conclude(BatchSearchResult& result, const BatchPicture& picture, const BatchSearchOptions& options,
              const SearchEnd& end);

}  // namespace wring

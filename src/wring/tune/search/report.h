#pragma once
#include "wring/tune/search/options.h"
#include "wring/tune/search/picture.h"
#include "wring/tune/search/types.h"

namespace wring {

// Fills everything of `result` that follows from its trials.
void conclude(BatchSearchResult& result, const BatchPicture& picture, const BatchSearchOptions& options,
              const SearchEnd& end);

}  // namespace wring

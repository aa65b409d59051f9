#pragma once
#include "wring/trial/trial.h"
#include "wring/tune/search/options.h"
#include "wring/tune/search/types.h"

namespace wring {

// The config's own batch, which is measured first, unless another gains more than 3 % over it and more than the noise,
// by trials of both in turns; then the smallest batch within ε of the best measured rate that leaves the memory
// reserve: small probes, a jump to the predicted limit or as far as the rate still grows, the size the lines point to,
// its neighbours, the finalists in turns, and a soak. Never returns a size that was not run. Sizes are multiples of 8;
// below 8: 1, 2, 4; and the config's own. On a machine where rates of one size differ by more than a quarter nothing is
// compared: the config's own is returned, and `disturbed` says so. A trial that runs when the budget ends is ended by
// the runner (TrialRequest::time_limit_s). Never throws for trials that fail; what the runner throws passes through.
// Throws Error{usage} for options that cannot be (ε outside (0, 0.5), no positive budget, batch or limit).
BatchSearchResult search_batch(TrialRunner& runner, const BatchSearchOptions& options,
                               const SearchControl& control = {});

}  // namespace wring

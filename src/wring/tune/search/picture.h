#pragma once
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include "wring/tune/lines.h"
#include "wring/tune/search/contest.h"
#include "wring/tune/search/options.h"
#include "wring/tune/search/types.h"

namespace wring {

// All trials of one size together.
struct SizePicture {
  std::int64_t batch = 0;
  Fit fit = Fit::fits;
  TrialOutcome outcome = TrialOutcome::ok;  // of the trial that failed, where one did
  Text how;                                 // it failed
  std::vector<double> rates;                // samples/s of its measured trials, in their order: soaks apart, and
                                            // those of an earlier run where there are newer ones
  double rate = 0;                          // their median
  double relative_error = 0;                // standard error of it, relative
  double steadied = 0;                      // the rate, drawn towards the time line as far as it is noisy
  double steadied_error = 0;                // its standard error, relative
  std::optional<std::int64_t> peak_mib;     // the highest

  bool usable() const { return fit == Fit::fits && rate > 0; }
  // It ran, whether or not it may be chosen.
  bool measured() const { return rate > 0; }
  // It says how the card behaves where the allocator does not get in the way.
  bool undisturbed() const { return measured() && fit != Fit::collapses && fit != Fit::retries; }
};

// What the trials say so far.
struct BatchPicture {
  std::vector<SizePicture> sizes;  // ascending
  LineFit memory;
  LineFit time;
  std::optional<std::int64_t> capacity_mib;
  std::optional<std::int64_t> reserve_mib;
  double noise = 0;         // relative deviation between trials of one size
  std::size_t repeats = 0;  // that it was learnt from
  double spread = 0;        // of the size whose rates differ most: spread_of()

  const SizePicture* find(std::int64_t batch) const;
  // Highest steadied rate among usable sizes up to `most`; nullptr: none.
  const SizePicture* best(std::int64_t most = std::numeric_limits<std::int64_t>::max()) const;
  const SizePicture* largest_usable() const;  // nullptr: none
  double memory_limit_mib() const;            // capacity less reserve; infinite where neither is known
};

// What a search ended with, before it is put into words.
struct SearchEnd {
  const SizePicture* chosen = nullptr;  // of the picture
  std::optional<std::int64_t> failed_soak;
  bool cut_short = false;
  bool cancelled = false;
  Text broken;  // why the search gave up: the program fails whatever the batch is
};

// Pure: the same trials give the same picture.
BatchPicture picture_of(std::span<const SearchTrial> trials, const BatchSearchOptions& options);

// Where allocators begin to give memory back and to ask again.
bool near_the_limit(const BatchPicture& picture, double peak_mib);
bool near_the_limit(const BatchPicture& picture, const SizePicture& size);

// The config's own size, where it ran; nullptr where it did not.
const SizePicture* own_size(const BatchPicture& picture, const BatchSearchOptions& options);

// The rate that another size than the config's own has to reach: ε below the best measured one, or below what the line
// foretells at `most`, where that is higher (at most by ε: a line is no measurement); and what makes it worth a change.
double rate_to_reach(const BatchPicture& picture, const BatchSearchOptions& options, std::int64_t most);

// The config's own size where nothing up to `most` is worth a change (kWorthAChange); else the smallest usable size
// that reaches the rate, or the best one where none does. nullptr where nothing ran.
const SizePicture* choose(const BatchPicture& picture, const BatchSearchOptions& options, std::int64_t most);

// The config's own size and another one, as their trials compare.
Contest contest_of(const BatchPicture& picture, const SizePicture& own, const SizePicture& other);

}  // namespace wring

#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "wring/base/text.h"

namespace wring {

// Where the decoded images of a run stay.
enum class DataTier {
  gpu,   // in the device's memory
  host,  // in host memory: page-locked and read by the GPU, or ordinary where there is none
  none,  // nowhere: worker threads decode the files for every sample
};

struct TierFacts {
  std::string wanted;                          // the key data_cache: auto, gpu, host, none
  std::int64_t needed_bytes = 0;               // of the decoded set
  std::int64_t host_bytes = 0;                 // that can be had without swapping
  std::optional<std::int64_t> gpu_free_bytes;  // absent: no GPU
  bool gpu_can_cut = true;                     // false: this build has no kernels
};

struct TierChoice {
  DataTier tier = DataTier::none;
  Text reason;  // with its numbers
};

// `auto` takes the first of gpu, host, none that the set fits into with much to spare: a quarter of the GPU's free
// memory (the step's own needs come later and are larger), half of the host's. Throws Error{failed} with the numbers
// and the cure when a demanded one does not fit. Without a GPU, gpu means host.
TierChoice choose_data_tier(const TierFacts& facts);

}  // namespace wring

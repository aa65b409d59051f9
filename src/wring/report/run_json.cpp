#include "wring/report/run_json.h"

#include <nlohmann/json.hpp>

namespace wring {

nlohmann::ordered_json run_json(const RunLength& run) {
  return {{"total_iters", run.total_iters},
          {"samples_per_step", run.samples_per_step},
          {"samples", run.samples()},
          {"pixels", run.pixels()}};
}

}  // namespace wring

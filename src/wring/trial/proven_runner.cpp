#include "wring/trial/proven_runner.h"

#include "wring/base/error.h"

namespace wring {

TrialResult ProvenRunner::run(const TrialRequest& request) {
  try {
    TrialResult result = inner_.run(request);
    has_run_ = has_run_ || result.outcome == TrialOutcome::ok;
    return result;
  } catch (const Error& error) {
    if (!has_run_ || error.code() == ErrorCode::interrupted) throw;
    TrialResult result;
    result.outcome = TrialOutcome::error;
    result.message = error.message().en;
    return result;
  }
}

}  // namespace wring

#include "wring_train/measure/guarded_trial.h"

#include <new>
#include <utility>

#include <c10/util/Exception.h>

#include "wring/base/error.h"
#include "wring/trial/outcome.h"
#include "wring_train/engine/memory_error.h"

namespace wring {

TrialResult failed_trial(TrialOutcome outcome, std::string message) {
  TrialResult result;
  result.outcome = outcome;
  result.message = std::move(message);
  return result;
}

TrialResult guarded_trial(const std::function<TrialResult()>& trial) {
  const auto by_its_words = [](const std::string& message) {
    return failed_trial(find_out_of_memory(message) ? TrialOutcome::oom : TrialOutcome::error, message);
  };
  try {
    return trial();
  } catch (const DeviceMemoryError& error) {
    return failed_trial(TrialOutcome::oom, error.message().en);
  } catch (const Error& error) {
    const std::string &message = error.message().en, &hint = error.hint().en;
    TrialResult result = by_its_words(message);  // another rank's memory, for example
    if (!hint.empty()) result.message += " (" + hint + ")";
    return result;
  } catch (const c10::OutOfMemoryError& error) {
    return failed_trial(TrialOutcome::oom, error.what_without_backtrace());
  } catch (const c10::Error& error) {
    return by_its_words(error.what_without_backtrace());
  } catch (const std::bad_alloc&) {
    return failed_trial(TrialOutcome::oom, "the host's memory is used up (std::bad_alloc)");
  } catch (const std::exception& error) {
    return by_its_words(error.what());
  }
}

}  // namespace wring

#pragma once
#include <string>
#include <vector>

#include "wring/cli/tuning_session.h"
#include "wring/tune/search_types.h"

namespace wring {

// A line a trial while a search runs; on a terminal also what runs now. Collects the trials as they are recorded.
class TuningProgress {
 public:
  // silent: prints nothing, and collects all the same.
  TuningProgress(const TuningSession& session, bool silent);

  // For a search: cancelled by Ctrl-C, reported here.
  SearchControl control();

  void started(std::int64_t batch, const TrialRequest& request);
  void finished(RecordedTrial trial);
  void headline(const Text& text);

  const std::vector<RecordedTrial>& trials() const { return trials_; }

 private:
  const TuningSession& session_;
  bool silent_;
  bool terminal_;
  std::vector<RecordedTrial> trials_;
};

}  // namespace wring

#pragma once
#include <chrono>
#include <string>
#include <vector>

#include "wring/session/tuning_session.h"
#include "wring/tune/search/types.h"

namespace wring {

// A line a trial while a search runs; on a terminal also what runs now, elsewhere what is awaited for long. Collects
// the trials as they are recorded.
class TuningProgress {
 public:
  // silent: prints nothing, and collects all the same.
  TuningProgress(TuningSession& session, bool silent);
  ~TuningProgress();
  TuningProgress(const TuningProgress&) = delete;
  TuningProgress& operator=(const TuningProgress&) = delete;

  // For a search: cancelled by Ctrl-C, reported here.
  SearchControl control();

  void started(std::int64_t batch, const TrialRequest& request);
  void finished(RecordedTrial trial);
  void headline(const Text& text);

  const std::vector<RecordedTrial>& trials() const { return trials_; }

 private:
  void tick();
  void show_running(bool with_time) const;

  TuningSession& session_;
  bool silent_;
  bool terminal_;
  // Of the trial that runs; its batch is 0 when none does.
  std::int64_t batch_ = 0;
  std::string settings_;
  std::string phase_;
  std::optional<double> limit_s_;
  std::chrono::steady_clock::time_point began_;
  std::int64_t told_s_ = 0;  // the waiting was told of
  std::vector<RecordedTrial> trials_;
};

}  // namespace wring

#pragma once
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "wring/trial/trial.h"
#include "wring/trial/utilisation.h"

namespace wring {

struct WorkerOptions {
  std::vector<std::string> command;      // what speaks the protocol: {"wring-train", "trial", "X.yaml"}
  std::filesystem::path working_folder;  // empty: this process's
  std::vector<std::pair<std::string, std::optional<std::string>>> environment;  // as ChildOptions'

  // A worker that says nothing for this long is killed: hang.
  std::chrono::milliseconds start_timeout{300'000};  // to the first event of a fresh worker, and within "load"
  std::chrono::milliseconds event_timeout{60'000};   // after any other event, on top of the request's max_seconds

  // Called from run(), in its thread, at each event "phase", and with kStartPhase where a worker is started.
  std::function<void(const TrialRequest& request, const std::string& phase)> on_phase;
  // Asked every 50 ms: true kills the worker, and run() throws Error{interrupted}.
  std::function<bool()> cancelled;
  // Fills TrialResult::utilisation from the phase "measure". Null: absent.
  std::shared_ptr<UtilisationMeter> meter;
};

// Runs trials in a worker process, which serves several; after anything but ok it is replaced. The worker and all it
// started are killed with the runner, and where a trial hangs or is cancelled.
//
// run() throws Error where trials cannot be run at all: {failed} no such program; {usage} or {no_gpu} with the worker's
// own words where it ends with that exit code (2, 3) before its first event; {interrupted} when cancelled.
class WorkerRunner : public TrialRunner {
 public:
  explicit WorkerRunner(WorkerOptions options);
  ~WorkerRunner() override;

  TrialResult run(const TrialRequest& request) override;

  // The process id of the present worker's keeper; absent when there is none.
  std::optional<pid_t> worker() const;

 private:
  class Trial;
  struct Worker;
  // Ends the present worker, if there is one; the next trial starts another.
  void end_worker();

  WorkerOptions options_;
  std::unique_ptr<Worker> worker_;
  std::int64_t next_id_ = 1;
};

}  // namespace wring

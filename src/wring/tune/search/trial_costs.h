#pragma once
#include <vector>

#include "wring/trial/trial.h"

namespace wring {

// What trials cost, learnt from those that ran: a start (of the process, the data, the card), a warm-up that grows with
// the step, and the measured steps. Another program measures for its own time, whatever it is asked for. The first
// trial of a worker pays for much that no later one pays for, so nothing is foretold of the others by it: a search that
// believed it would try nothing else.
class TrialCosts {
 public:
  // `starts_anew`: every trial starts its program, as another one's do.
  explicit TrialCosts(bool starts_anew = false) : starts_anew_(starts_anew) {}

  // `seconds`: that the whole trial took.
  void learn(const TrialResult& result, double seconds);

  bool known() const { return ran_; }
  // Of a trial that measures for `measured_s` at this step time, by a worker that runs already.
  double predict_s(double step_ms, double measured_s) const;
  // What the next trial takes beyond that, for it starts a worker: the first does, and one after anything but ok.
  double start_due_s() const;

 private:
  bool starts_anew_;
  bool ran_ = false;
  bool fresh_ = true;             // the next trial starts a worker
  std::vector<double> start_s_;   // of trials that started a worker: all but their warm-up and steps; where all do so
                                  // the steps are in it
  std::vector<double> fixed_s_;   // of the others
  std::vector<double> warmup_s_;  // of the others, and in steps
  std::vector<double> warmup_steps_;
};

}  // namespace wring

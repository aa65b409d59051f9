#pragma once
#include <vector>

#include "wring/trial/trial.h"

namespace wring {

// What trials cost, learnt from those that ran: a start (of the process, the data, the card), a warm-up that grows with
// the step, and the measured steps.
class TrialCosts {
 public:
  // `seconds`: that the whole trial took.
  void learn(const TrialResult& result, double seconds);

  bool known() const { return !fixed_s_.empty(); }
  // Of a trial that measures for `measured_s` at this step time. After anything but ok the worker starts anew.
  double predict_s(double step_ms, double measured_s) const;
  // Of the same without its steps.
  double fixed_s() const;

 private:
  double first_fixed_s_ = 0;  // with the start of a worker
  std::vector<double> fixed_s_;
  std::vector<double> warmup_steps_;
  double longest_warmup_s_ = 0;
  bool fresh_ = true;  // the next trial starts a worker
};

}  // namespace wring

#pragma once
#include "wring/trial/trial.h"

namespace wring {

// A runner whose refusals are outcomes once one of its trials has run: a program that told its rate at one size and
// tells none at another is understood well enough, and what was measured is not given up for it. Before that, and for
// Error{interrupted}, what `inner` throws passes through.
class ProvenRunner : public TrialRunner {
 public:
  explicit ProvenRunner(TrialRunner& inner) : inner_(inner) {}

  TrialResult run(const TrialRequest& request) override;

 private:
  TrialRunner& inner_;
  bool has_run_ = false;
};

}  // namespace wring

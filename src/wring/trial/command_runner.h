#pragma once
#include <memory>

#include "wring/trial/command_options.h"
#include "wring/trial/trial.h"

namespace wring {

// Runs any training program as trials: once each, with a patched copy of its config, until its rate is known.
//
// The rate is the median of what it prints, without the first two; step_ms follows from the rates and the batch size,
// and its n counts rates. A program that prints a protocol line "done" is believed instead. memory.peak_reserved_mib is
// what the process tree holds of the card, where it does not say itself. A request's data can only be `real`.
//
// The constructor throws Error{usage} for a command without {config}, a bad expression or one without a group, and like
// read_file() and patch_yaml() for the config. run() throws Error{usage} where the program prints no rate at all,
// {interrupted} when cancelled.
class CommandRunner : public TrialRunner {
 public:
  explicit CommandRunner(CommandOptions options);
  ~CommandRunner() override;

  TrialResult run(const TrialRequest& request) override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace wring

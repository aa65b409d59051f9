#pragma once
#include <chrono>
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

struct CommandOptions {
  std::string command;                   // of a shell: "python train.py --config {config}"; {config} is quoted
  std::filesystem::path config;          // the YAML that is patched for each trial; itself never changed
  std::filesystem::path working_folder;  // empty: this process's
  std::vector<std::pair<std::string, std::optional<std::string>>> environment;  // as ChildOptions'

  std::string batch_key = "batch_size";  // the config's name for what a request calls batch_size
  // Matched against each line of both outputs; its first group is a rate in samples/s. "": the program prints the
  // protocol's lines (docs/trial_protocol.md).
  std::string rate_regex;

  std::chrono::milliseconds trial_time{20'000};      // measured after the first rate
  std::chrono::milliseconds start_timeout{300'000};  // until the first rate, or the first event
  std::chrono::milliseconds event_timeout{60'000};   // from one to the next; then it is killed: hang
  std::chrono::milliseconds grace{5'000};            // between SIGTERM and SIGKILL

  std::function<void(const TrialRequest& request, const std::string& phase)>
      on_phase;                     // kFirstRatePhase, then "measure"; or kStartPhase, then the program's own
  std::function<bool()> cancelled;  // asked every 50 ms: true kills the program, and run() throws Error{interrupted}
  std::shared_ptr<UtilisationMeter> meter;  // memory and utilisation from outside; null: absent
};

}  // namespace wring

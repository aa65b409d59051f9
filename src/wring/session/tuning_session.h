#pragma once
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "wring/base/device.h"
#include "wring/config/reader.h"
#include "wring/console/console.h"
#include "wring/gpu/inventory.h"
#include "wring/plan/machine.h"
#include "wring/process/interrupt_watch.h"
#include "wring/report/tuning/record.h"
#include "wring/session/options.h"
#include "wring/trial/proven_runner.h"
#include "wring/trial/trial.h"
#include "wring/tune/trial_cache.h"

namespace wring {

// Who is told what a running trial does: its phase, and that time goes by.
struct TrialWatcher {
  std::function<void(const std::string& phase)> on_phase;
  std::function<void()> on_tick;
};

// A config, the machine, and what runs trials of the one on the other. Signals are a wish to end from the construction
// on (InterruptWatch); SIGPIPE is ignored.
class TuningSession {
 public:
  // Reads and checks the config, asks for the GPUs, finds wring-train. Throws Error.
  TuningSession(const TuningOptions& options, const Console& console);

  const TuningOptions& options() const { return options_; }
  const Console& console() const { return console_; }
  const ConfigFile& file() const { return file_; }
  const TrainConfig& values() const { return values_; }            // with the values of --set
  const std::vector<Assignment>& given() const { return given_; }  // --set, and what follows
  // The config or --set has a value for the key, and values() holds it.
  bool names(std::string_view key) const;
  const std::string& batch_key() const;
  std::int64_t start_batch() const { return start_batch_; }  // the config's own
  const Machine& machine() const { return machine_; }
  bool on_gpu() const;  // trials can use one
  int ranks() const { return options_.ranks(); }

  TrialRunner& runner();
  void set_watcher(TrialWatcher watcher) { watcher_ = std::move(watcher); }
  // For a later search, which goes on from them.
  bool keeps_trials() const { return cached_ != nullptr; }
  // What was measured now is not kept for a later search.
  void forget_trials();
  bool interrupted() const { return watch_.interrupted(); }

  // Prints to standard output. Where its reader has gone the search ends as it does with Ctrl-C.
  void print(const std::string& text);

  // What the loader's queues cost the host.
  double sample_bytes() const;

  // With all that is known before the first trial.
  TuningRecord new_record(const std::string& program) const;
  // What wring-train's perceptual loss compares with, where the config has one.
  std::optional<Text> loss_note() const;
  // What --set changed beside what it names, what the trial cache could not do, what the machine lacks.
  std::vector<Text> notes() const;

 private:
  void read();
  void take_batch();
  void ask_machine();
  void require_a_gpu_each() const;
  void make_runner();
  TrialPlace place() const;

  TuningOptions options_;
  Console console_;
  ConfigFile file_;
  TrainConfig values_;
  std::vector<Assignment> given_;
  std::vector<Text> override_notes_;
  std::int64_t start_batch_ = 0;
  Inventory inventory_;
  Machine machine_;
  TrialWatcher watcher_;
  InterruptWatch watch_;  // before the runner: its children and threads inherit what is blocked
  std::unique_ptr<TrialRunner> runner_;
  std::unique_ptr<CachedRunner> cached_;
  std::unique_ptr<ProvenRunner> proven_;
};

}  // namespace wring

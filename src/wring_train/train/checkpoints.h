#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "wring_train/engine/step_engine.h"
#include "wring_train/train/experiment.h"
#include "wring_train/train/run_log.h"
#include "wring_train/train/run_state.h"

namespace wring {

// What a run leaves in its checkpoints folder. Once the run has begun, a file that cannot be written (a full disk, a
// folder that has become read-only) does not end it: it is said each time, and tried again at the next occasion.
class Checkpoints {
 public:
  // Keeps the newest `keep` states, each with `facts`.
  Checkpoints(Experiment experiment, std::int64_t keep, RunFacts facts, RunLog& log);

  // Before the first step: the state that training goes back to when it becomes unstable before the first checkpoint.
  // Throws Error{failed}: a folder that takes nothing is better known now.
  void begin(const StepEngine& engine, const Progress& progress);

  // After resuming: makes the newest network that of the state, from which a kill may have parted it. Where the best
  // network of `progress` never reached the disk, the next validation is the best.
  void agree_with(const StepEngine& engine, Progress& progress);

  // State and newest network; with `as_best` the network is the best one too, as in a run without validation.
  void save(const StepEngine& engine, const Progress& progress, bool as_best);
  // The best network of the validations. It is kept in memory until it can be written.
  void save_best(const Edsr& network, std::int64_t step);

  // Where the files lie; the folder is made anew where it was removed.
  const Folder& folder();
  std::filesystem::path path() const { return experiment_.checkpoints->path(); }
  // From now on in the folder of another experiment, where nothing has been saved yet.
  void go_on_in(Experiment experiment);

  // The step of the newest state on disk.
  std::optional<std::int64_t> saved_step() const { return saved_step_; }
  bool has_best() const;
  // One more try for what could not be written; then what is still missing, each with its reason.
  std::vector<Text> missing(const StepEngine& engine, const Progress& progress);

 private:
  struct Waiting {
    Edsr network;  // a copy on the CPU
    std::int64_t step;
  };
  bool write(const char* kind, std::int64_t step, const std::function<void(const Folder&)>& write);
  void write_state(const StepEngine& engine, const Progress& progress);
  void write_last(const StepEngine& engine, const Progress& progress);
  void write_best();

  Experiment experiment_;
  std::int64_t keep_;
  RunFacts facts_;
  RunLog& log_;
  std::optional<std::int64_t> saved_step_;
  std::optional<std::int64_t> last_step_;  // whose network last.safetensors holds
  std::optional<Waiting> best_;            // could not be written yet
  std::map<std::string, Text> failures_;   // by kind of file: why the last try failed
};

}  // namespace wring

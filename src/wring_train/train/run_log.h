#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "wring/base/text.h"
#include "wring/console/console.h"
#include "wring_train/train/experiment.h"

namespace wring {

// The key of the metrics that only a validation's record has.
inline constexpr const char* kValidationScore = "val_psnr_y";

// What a run tells: lines and the progress bar on the terminal, the same lines with times in train.log, numbers in
// metrics.jsonl and in TensorBoard's event file. Not for use from several threads, but for warn(). Writing fails in the
// constructor alone: a run that has begun goes on without its log.
class RunLog {
 public:
  // `first_step`: metrics beyond it, left by the run that is being resumed, are cut away; with `validates_again` also
  // the validation of that step.
  RunLog(const Experiment& experiment, std::int64_t first_step, bool validates_again, std::int64_t total_steps,
         const CommonOptions& options);
  // Says and writes nothing: for the ranks that leave it to rank 0.
  RunLog();
  ~RunLog();

  void line(const Text& text);
  void warn(const Text& text);  // from any thread; shown even with --quiet

  // Redraws the bar on a terminal; nothing elsewhere.
  void progress(std::int64_t step, const std::vector<std::string>& fields);
  // One plain line where there is no terminal; into train.log always.
  void progress_line(std::int64_t step, const std::vector<std::string>& fields);

  // What cannot be written (a full disk) is said, kept in memory and tried again with the next one.
  void metrics(std::int64_t step, const std::vector<std::pair<std::string, double>>& values);
  void finish();

  // What still waits to be written, in words, after one more try: "metrics.jsonl (12 lines): …: No space left on
  // device".
  std::vector<Text> unwritten();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace wring

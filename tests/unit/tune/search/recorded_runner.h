#pragma once
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "wring/trial/trial.h"
#include "wring/tune/search/types.h"

namespace wring {

// The way back from request_json() and from result_json() as it is kept. Throws Error for what is neither.
TrialRequest request_from_json(const nlohmann::json& json);
TrialResult result_from_json(const nlohmann::json& json);

// Replays trials that were recorded as {"trials": [{"request": …, "result": …}, …]}: the n-th ask for a batch (and the
// same data and validation) gets the n-th recorded result of it, the last one from then on. Its clock moves by what
// they took.
class RecordedRunner : public TrialRunner {
 public:
  // Throws Error naming the file for what is not such a record.
  explicit RecordedRunner(const std::filesystem::path& file, std::string batch_key = "batch_size");

  // A batch that was not recorded is an Error{failed} of the result, naming it.
  TrialResult run(const TrialRequest& request) override;

  SearchControl control() {
    SearchControl control;
    control.now_s = [this] { return now_s_; };
    return control;
  }

 private:
  struct Recorded {
    TrialRequest request;
    TrialResult result;
    bool used = false;
  };
  std::string batch_key_;
  std::vector<Recorded> trials_;
  double now_s_ = 0;
};

}  // namespace wring

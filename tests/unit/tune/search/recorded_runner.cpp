#include "unit/tune/search/recorded_runner.h"

#include <nlohmann/json.hpp>

#include "unit/tune/search/simulated_gpu.h"
#include "wring/base/error.h"
#include "wring/files/files.h"
#include "wring/trial/result_json.h"

namespace wring {

TrialRequest request_from_json(const nlohmann::json& json) {
  TrialRequest request;
  const JsonFields fields(json);
  if (json.contains("set")) {
    for (const auto& one : json.at("set")) request.set.push_back({one.at("key"), one.at("value")});
  }
  if (const auto measure = fields.object("measure")) request.measure = read_measure(*measure);
  return request;
}

TrialResult result_from_json(const nlohmann::json& json) {
  return read_result(JsonFields(json), TrialForm::kept);
}

RecordedRunner::RecordedRunner(const std::filesystem::path& file, std::string batch_key)
    : batch_key_(std::move(batch_key)) {
  try {
    const nlohmann::json trace = nlohmann::json::parse(read_file(file));
    for (const auto& trial : trace.at("trials")) {
      trials_.push_back({request_from_json(trial.at("request")), result_from_json(trial.at("result"))});
    }
  } catch (const nlohmann::json::exception& error) {
    throw Error(ErrorCode::failed, file.string() + ": " + error.what());
  }
}

TrialResult RecordedRunner::run(const TrialRequest& request) {
  const std::string batch = value_of(request, batch_key_);
  Recorded* found = nullptr;
  for (Recorded& one : trials_) {
    const bool same = value_of(one.request, batch_key_) == batch && one.request.measure.data == request.measure.data &&
                      one.request.measure.validate == request.measure.validate;
    if (!same) continue;
    found = &one;
    if (!one.used) break;
  }
  if (found == nullptr) {
    TrialResult result;
    result.outcome = TrialOutcome::error;
    result.message = "batch " + batch + " was not recorded";
    return result;
  }
  found->used = true;
  now_s_ += found->result.seconds;
  return found->result;
}

}  // namespace wring

#include "wring/session/diagnose_trials.h"

#include <algorithm>

#include <fmt/format.h>

#include "wring/base/system_memory.h"

namespace wring {
namespace {

// Twice a batch of one or two is still nothing.
constexpr std::int64_t kFewSamples = 16;

std::optional<TrialResult> if_it_ran(TrialResult result) {
  if (result.outcome != TrialOutcome::ok) return std::nullopt;
  return result;
}

}  // namespace

TrialResult measure(TuningSession& session, TuningProgress& progress, TrialData data,
                    const std::vector<Assignment>& set, const char* purpose) {
  TrialRequest request;
  request.measure.data = data;
  // The step alone is what the launches are judged by.
  request.measure.kernels = data == TrialData::resident && set.empty();
  request.set = session.given();
  std::int64_t batch = session.start_batch();
  for (const Assignment& assignment : set) {
    request.set.push_back(assignment);
    if (assignment.key == session.batch_key()) batch = std::stoll(assignment.value);
  }
  progress.started(batch, request);
  RecordedTrial trial;
  trial.batch_size = batch;
  trial.purpose = purpose;
  trial.request = request;
  trial.result = session.runner().run(request);
  progress.finished(trial);
  return trial.result;
}

DiagnosisInput measure_for_diagnosis(TuningSession& session, TuningProgress& progress) {
  DiagnosisInput input;
  input.config = session.values();
  input.cpu_cores = session.machine().cpu_cores;
  input.sample_bytes = session.sample_bytes();
  input.host_available_bytes = available_memory_bytes();
  input.real = measure(session, progress, TrialData::real);
  if (input.real.outcome != TrialOutcome::ok) return input;
  input.resident = if_it_ran(measure(session, progress, TrialData::resident));
  input.loader = if_it_ran(measure(session, progress, TrialData::loader));
  // The worker's profiler sees every gap. NVML's share counts a sampling period as busy that had any kernel in it: it
  // is too high, never too low, so the rule stays silent rather than wrong.
  if (input.resident) {
    input.kernel_busy_percent = input.resident->kernel_busy_percent ? input.resident->kernel_busy_percent
                                                                    : input.resident->utilisation.gpu_util;
  }
  if (!session.on_gpu()) return input;

  const bool compiled = fast_engine_wanted(session.values());
  const char* other = compiled ? "false" : "true";
  auto& own_kind = compiled ? input.graph : input.eager;
  auto& other_kind = compiled ? input.eager : input.graph;
  own_kind = input.resident;
  other_kind = if_it_ran(measure(session, progress, TrialData::resident, {{"compile_model", other}}));
  if (!session.values().use_mixed_precision) {
    input.mixed = if_it_ran(measure(session, progress, TrialData::resident, {{"use_mixed_precision", "true"}}));
  }
  const std::int64_t twice = 2 * session.start_batch();
  for (const std::int64_t larger : {std::max(kFewSamples, twice), twice}) {
    input.larger =
        if_it_ran(measure(session, progress, TrialData::resident, {{session.batch_key(), fmt::format("{}", larger)}}));
    if (input.larger) input.larger_batch = larger;
    if (input.larger || larger == twice) break;
  }
  return input;
}

}  // namespace wring

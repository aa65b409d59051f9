#pragma once
#include "wring/report/tuning/record.h"

namespace wring::testing_support {

inline RecordedTrial trial_of(std::int64_t batch, double samples_per_s, std::int64_t peak_mib) {
  RecordedTrial trial;
  trial.batch_size = batch;
  trial.purpose = "probe";
  trial.request.set = {{"batch_size", std::to_string(batch)}};
  trial.result.samples_per_s = samples_per_s;
  trial.result.step_ms = {.median = 1000 * static_cast<double>(batch) / samples_per_s, .mad = 0.02, .p95 = 9, .n = 40};
  trial.result.data_wait_ms = 0.5;
  trial.result.memory.peak_reserved_mib = peak_mib;
  trial.result.memory.device_total_mib = 24564;
  trial.result.utilisation.gpu_util = 87.4;
  return trial;
}

inline RecordedTrial failed_trial(std::int64_t batch, TrialOutcome outcome, const std::string& message) {
  RecordedTrial trial;
  trial.batch_size = batch;
  trial.purpose = "jump";
  trial.request.set = {{"batch_size", std::to_string(batch)}};
  trial.result.outcome = outcome;
  trial.result.message = message;
  trial.fits = false;
  return trial;
}

// The loader alone where the GPU cuts its batches itself: it runs, and there is no rate.
inline RecordedTrial trial_without_rate() {
  RecordedTrial trial;
  trial.batch_size = 16;
  trial.purpose = "diagnose";
  trial.request.measure.data = TrialData::loader;
  trial.result.no_rate = kImagesOnDevice;
  return trial;
}

// A search that went from batch 16 to 64, with 128 out of memory.
inline TuningRecord sample_record() {
  TuningRecord record;
  record.program = "wring benchmark";
  record.version = "9.8.7";
  record.started = "2025-06-01T12:00:00Z";
  record.command = "wring benchmark configs/mine.yaml";
  record.config = "configs/mine.yaml";
  record.output = "configs/mine_optimized.yaml";
  record.written = true;
  record.seconds = 21.5;
  record.machine = {{Text("GPU 0"), "NVIDIA Test Card, 24.0 GiB"}};
  record.trials = {trial_of(16, 2000, 1800), trial_of(32, 3200, 2700), trial_of(64, 4200, 4500),
                   failed_trial(128, TrialOutcome::oom, "CUDA out of memory")};
  record.memory_mib = Line{.intercept = 900, .slope = 56.25, .residual = 4, .from = 16, .to = 64};
  record.step_ms = Line{.intercept = 4, .slope = 0.175, .residual = 0.1, .from = 16, .to = 64};
  record.before = 0;
  record.after = 2;
  record.reason = {"Batch 64 is the smallest within 3 % of the best rate.",
                   "批大小 64 是与最快相差 3 % 以内的最小值。"};
  record.changes = {
      {"batch_size", "16", "64", {"4200 samples/s measured", "实测 4200 样本/秒"}, Effect::optimisation, "batch_size"}};
  record.run = RecordedRun{{.total_iters = 90000, .samples_per_step = 16, .patch_size = 128},
                           {.total_iters = 90000, .samples_per_step = 64, .patch_size = 128}};
  record.headroom_mib = 20064;
  record.next_failed = 128;
  record.utilisation = UtilisationTarget{85, 87.4, true, {"GPU-Util 87 %: target met.", "GPU利用率 87 %：达标。"}};
  record.notes = {{"lr would be × 2", "学习率应 × 2"}};
  return record;
}

}  // namespace wring::testing_support

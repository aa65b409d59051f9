#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "wring/session/tuning_session.h"

namespace wring {

struct BenchmarkOptions {
  TuningOptions tuning;
  std::optional<std::filesystem::path> output;  // absent: benchmarked_path(config)
  double budget_s = 60;                         // of everything; a trial that runs then is ended
  double target_gpu_util = 85;                  // per cent
  bool scale_lr = false;
  bool keep_effective_batch = false;
  bool same_samples = false;
  std::vector<std::string> disabled_knobs;
  bool dry_run = false;
  bool json = false;
};

// configs/X.yaml → configs/X_optimized.yaml, always beside the input: the guide's rule, whatever X ends in.
std::filesystem::path benchmarked_path(const std::filesystem::path& config);

// The arguments as options, or the exit code when there is nothing more to do. Throws Error{usage}.
std::optional<int> parse_benchmark(const Arguments& arguments, BenchmarkOptions& options);

// Searches, reports, writes the config and its record. Returns the exit code: 130 after Ctrl-C. Throws Error.
int benchmark(const BenchmarkOptions& options);

// `wring benchmark …`
int benchmark_command(const Arguments& arguments, const CommonOptions& common);

}  // namespace wring

#pragma once
#include <filesystem>
#include <optional>

#include "wring/cli/diagnose_program.h"
#include "wring/session/tuning_session.h"

namespace wring {

// Of one of its two forms: a configuration of wring's own, or any program.
struct DiagnoseOptions {
  std::optional<DiagnoseProgramOptions> program;  // then nothing of the rest counts

  TuningOptions tuning;
  std::optional<std::filesystem::path> output;  // with fix; absent: benchmarked_path(config)
  bool fix = false;
  bool json = false;
};

// The arguments as options, or the exit code when there is nothing more to do. Throws Error{usage}.
std::optional<int> parse_diagnose(const Arguments& arguments, DiagnoseOptions& options);

// Measures what the GPU waits for, says it, and with --fix writes the cure and measures again. Returns the exit code:
// 130 after Ctrl-C. Throws Error.
int diagnose_config(const DiagnoseOptions& options);

// `wring diagnose …`
int diagnose_command(const Arguments& arguments, const CommonOptions& common);

}  // namespace wring

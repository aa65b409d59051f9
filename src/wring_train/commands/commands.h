#pragma once
#include "wring/cli/train_options.h"

namespace wring {

// The commands of wring-train. Each returns the exit code and throws Error.
int train_command(const TrainOptions& options);
int evaluate_command(const EvaluateOptions& options);
int upscale_command(const UpscaleOptions& options);

// `wring-train trial …`: measures training steps on request. See trial.cpp.
int trial_command(int argc, char** argv);

// `wring-train about`: the versions of its libraries as JSON, for `wring doctor`. See about.cpp.
int about_command();

}  // namespace wring

#include "wring_train/run/program.h"

#include <cstring>
#include <string>
#include <variant>
#include <vector>

#include <c10/util/Exception.h>

#include "wring/base/error.h"
#include "wring/base/files.h"
#include "wring/cli/common_options.h"
#include "wring/cli/launch_ranks.h"
#include "wring/cli/train_options.h"
#include "wring_train/run/commands.h"
#include "wring_train/run/cublas_workspaces.h"

namespace wring {
namespace {

int dispatch(int argc, char** argv) {
  if (argc > 1 && std::strcmp(argv[1], "steps") == 0) return steps_command(argc - 1, argv + 1);
  if (argc > 1 && std::strcmp(argv[1], "trial") == 0) return trial_command(argc - 1, argv + 1);
  if (argc > 1 && std::strcmp(argv[1], "about") == 0) return about_command();
  const auto parsed = parse_train_program(argc, argv);
  if (const auto* train = std::get_if<TrainOptions>(&parsed)) {
    return train->nproc ? launch_ranks(this_program(), {argv + 1, argv + argc}, *train->nproc) : train_command(*train);
  }
  set_cublas_workspaces(0);
  if (const auto* evaluate = std::get_if<EvaluateOptions>(&parsed)) return evaluate_command(*evaluate);
  if (const auto* upscale = std::get_if<UpscaleOptions>(&parsed)) return upscale_command(*upscale);
  return std::get<int>(parsed);
}

}  // namespace

int run_wring_train(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  return run_guarded(early_options(arguments), [&] {
    try {
      return dispatch(argc, argv);
    } catch (const c10::OutOfMemoryError& error) {
      throw Error(ErrorCode::failed, std::string("the GPU is out of memory: ") + error.what_without_backtrace(),
                  "lower batch_size (64 → 48 → 32 → 16) or patch_size, or raise gradient_accumulation_steps");
    }
  });
}

}  // namespace wring

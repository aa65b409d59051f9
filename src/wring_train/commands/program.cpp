#include "wring_train/commands/program.h"

#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>
#include <variant>
#include <vector>

#include <c10/util/Exception.h>

#include "wring/base/error.h"
#include "wring/cli/train_options.h"
#include "wring/console/console.h"
#include "wring/console/tell_waits.h"
#include "wring/files/files.h"
#include "wring/process/early_stop.h"
#include "wring/process/launch_ranks.h"
#include "wring_train/commands/commands.h"
#include "wring_train/measure/host_memory.h"

namespace wring {
namespace {

// Measured on an H200 (docs/performance.md): with 1 MiB a step of 64 channels takes 3 to 7 % longer, because the
// graph's branches overlap less well; with 32, 96 or 128 it takes as long as with 32 MiB.
constexpr std::int64_t kFasterWithLargeOnes = 64;

const Text kLessTraining{
    "lower base_channels, num_blocks, batch_size, patch_size or num_workers, set data_cache: none, "
    "or raise the limit (ulimit -v, the container's memory)",
    "请减小 base_channels、num_blocks、batch_size、patch_size 或 num_workers，设置 data_cache: none，"
    "或提高限制（ulimit -v、容器内存）"};
const Text kLessImages{
    "use smaller images or a smaller network, or raise the limit (ulimit -v, the container's memory)",
    "请使用更小的图像或网络，或提高限制（ulimit -v、容器内存）"};

int dispatch(int argc, char** argv) {
  if (argc > 1 && std::strcmp(argv[1], "trial") == 0) return trial_command(argc - 1, argv + 1);
  if (argc > 1 && std::strcmp(argv[1], "about") == 0) return about_command();
  end_on_stop_signals(early_options(std::vector<std::string>(argv + 1, argv + argc)));
  const auto parsed = parse_train_program(argc, argv);
  if (const auto* train = std::get_if<TrainOptions>(&parsed)) {
    if (train->nproc) return launch_ranks(this_program(), {argv + 1, argv + argc}, *train->nproc);
    return telling_memory("", kLessTraining, [train] { return train_command(*train); });
  }
  set_cublas_workspaces(0);
  if (const auto* evaluate = std::get_if<EvaluateOptions>(&parsed)) {
    return telling_memory("", kLessImages, [evaluate] { return evaluate_command(*evaluate); });
  }
  if (const auto* upscale = std::get_if<UpscaleOptions>(&parsed)) {
    return telling_memory("", kLessImages, [upscale] { return upscale_command(*upscale); });
  }
  return std::get<int>(parsed);
}

}  // namespace

void set_cublas_workspaces(std::int64_t channels) {
  if (channels != kFasterWithLargeOnes) ::setenv("CUBLAS_WORKSPACE_CONFIG", ":256:4:16:8", /*overwrite=*/0);
}

int run_wring_train(int argc, char** argv) {
  return run_with_torch(argc, argv, [=] { return dispatch(argc, argv); });
}

int run_with_torch(int argc, char** argv, const std::function<int()>& program) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  tell_waits(early_options(arguments));
  return run_guarded(early_options(arguments), [&] {
    try {
      return program();
    } catch (const c10::OutOfMemoryError& error) {
      throw Error(ErrorCode::failed, std::string("the GPU is out of memory: ") + error.what_without_backtrace(),
                  "lower batch_size (64 → 48 → 32 → 16) or patch_size, or raise gradient_accumulation_steps");
    } catch (const c10::Error& error) {
      throw std::runtime_error(error.what_without_backtrace());  // a stack of LibTorch's functions tells a user nothing
    }
  });
}

}  // namespace wring

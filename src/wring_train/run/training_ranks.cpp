#include "wring_train/run/training_ranks.h"

#include <csignal>
#include <cstdlib>

#include <fmt/format.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <ATen/Context.h>
#include <c10/util/Exception.h>

#include "wring/base/error.h"
#include "wring/cli/common_options.h"
#include "wring_train/engine/device.h"

namespace wring {
namespace {

// A launcher that is killed takes its ranks with it.
void end_with_launcher() {
  const char* launcher = std::getenv("WRING_LAUNCHER_PID");
  if (launcher == nullptr) return;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != std::atoi(launcher)) std::_Exit(static_cast<int>(ErrorCode::failed));
}

at::Device own_device(Device wanted, const RankPlace& place) {
  if (place.size == 1 || wanted == Device::cpu || !at::hasCUDA()) return choose_device(wanted);
  const std::string gpu = own_gpu(std::getenv("CUDA_VISIBLE_DEVICES"), place);
  ::setenv("CUDA_VISIBLE_DEVICES", gpu.c_str(), 1);
  const at::Device device = choose_device(wanted);
  // One rank on the CPU would hold the GPUs of all others up.
  if (device.is_cpu() && place.local_rank > 0) {
    throw Error(ErrorCode::no_gpu,
                {fmt::format("rank {} finds no GPU {} on this machine", place.rank, gpu),
                 fmt::format("rank {} 在本机找不到 GPU {}", place.rank, gpu)},
                {"start as many ranks on a machine as it has GPUs, or all with --device cpu",
                 "每台机器启动的进程数应等于其 GPU 数，或全部使用 --device cpu"});
  }
  return device;
}

}  // namespace

TrainingRanks start_ranks(Device wanted, const CommonOptions& common) {
  end_with_launcher();
  const RankPlace place = rank_place([](const char* name) { return std::getenv(name); });
  TrainingRanks started;
  started.device = own_device(wanted, place);
  started.ranks = join_ranks(place, started.device, [common](const Error& loss) {
    print_error(loss, common);
    // The main thread waits in the driver, and destructors would wait with it. Files are written whole or not at all.
    std::_Exit(static_cast<int>(ErrorCode::failed));
  });
  const double on_gpu = started.device.is_cpu() ? 0 : 1;
  if (started.ranks->highest(on_gpu) != on_gpu) {
    throw Error(ErrorCode::no_gpu,
                {fmt::format("{} finds no GPU, and others do", started.ranks->name()),
                 fmt::format("{} 找不到 GPU，而其他进程有", started.ranks->name())},
                {"run nvidia-smi there", "请在该机器上运行 nvidia-smi"});
  }
  return started;
}

int run_in_ranks(Ranks& ranks, const std::function<int()>& work) {
  try {
    const int code = work();
    ranks.finish();
    return code;
  } catch (const Error& error) {
    ranks.fail(error.message());
    throw;
  } catch (const c10::Error& error) {
    ranks.fail(error.what_without_backtrace());
    throw;
  } catch (const std::exception& error) {
    ranks.fail(error.what());
    throw;
  }
}

}  // namespace wring

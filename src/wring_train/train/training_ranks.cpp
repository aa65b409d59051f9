#include "wring_train/train/training_ranks.h"

#include <array>
#include <csignal>
#include <cstdlib>
#include <optional>

#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <c10/util/Exception.h>

#include "wring/base/environment.h"
#include "wring/base/error.h"
#include "wring/base/parse.h"
#include "wring/console/console.h"
#include "wring/process/launch_ranks.h"
#include "wring/process/signal_wait.h"
#include "wring_train/engine/device.h"
#include "wring_train/train/rank_facts.h"
#include "wring_train/train/stop_signal.h"

namespace wring {
namespace {

// A launcher that is killed takes its ranks with it.
void end_with_launcher() {
  const auto launcher = environment(kLauncherVariable);
  if (!launcher) return;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parse_number<pid_t>(*launcher)) std::_Exit(static_cast<int>(ErrorCode::failed));
}

// The driver reads the variable once, at the first call to it: nothing may have asked for devices before.
void take_own_gpu(const RankPlace& place) {
  ::setenv("CUDA_VISIBLE_DEVICES", own_gpu(environment("CUDA_VISIBLE_DEVICES"), place).c_str(), 1);
}

// While ranks wait for each other there is nothing to save, and nobody looks whether a stop was asked for: a signal
// that is not ignored ends the process at once.
class EndedBySignals {
 public:
  EndedBySignals() {
    for (std::size_t i = 0; i < kStopSignals.size(); ++i) {
      ::sigaction(kStopSignals[i], nullptr, &before_[i]);
      if (before_[i].sa_handler != SIG_IGN) std::signal(kStopSignals[i], SIG_DFL);
    }
  }
  ~EndedBySignals() {
    for (std::size_t i = 0; i < kStopSignals.size(); ++i) ::sigaction(kStopSignals[i], &before_[i], nullptr);
  }
  EndedBySignals(const EndedBySignals&) = delete;
  EndedBySignals& operator=(const EndedBySignals&) = delete;

 private:
  std::array<struct sigaction, kStopSignals.size()> before_{};
};

}  // namespace

TrainingRanks start_ranks(Device wanted, const TrainConfig& config, const CommonOptions& common) {
  end_with_launcher();
  const RankPlace place = rank_place(environment);
  TrainingRanks started;
  if (place.size > 1 && wanted != Device::cpu) take_own_gpu(place);
  started.device = choose_device(wanted);
  std::optional<EndedBySignals> meeting;
  if (place.size > 1) {
    meeting.emplace();
    // A signal that came before this would be heard only after the others have come.
    if (stop_requested()) {
      throw Error(ErrorCode::interrupted, {"stopped before the ranks had met", "在各进程会合之前停止"});
    }
  }
  started.ranks = join_ranks(place, started.device, config_facts(config), kEqualConfigs, [common](const Error& loss) {
    print_error(loss, common);
    // The main thread waits in the driver, and destructors would wait with it. Files are written whole or not at all.
    std::_Exit(static_cast<int>(ErrorCode::failed));
  });
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

#include "wring_train/run/experiment.h"

#include <cerrno>
#include <chrono>
#include <system_error>

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/file.h>

#include "wring/base/error.h"
#include "wring/base/files.h"

namespace wring {
namespace fs = std::filesystem;
namespace {

// As long as the lock lives, no other run may write there. File systems without locks do without.
std::shared_ptr<const Descriptor> lock_folder(const fs::path& folder) {
  auto lock = std::make_shared<const Descriptor>(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (*lock && ::flock(lock->get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    throw Error(
        ErrorCode::failed,
        {fmt::format("another run is writing in {}", folder.string()),
         fmt::format("另一个训练正在写入 {}", folder.string())},
        {"wait until it has ended, or choose another experiment_name", "请等待其结束，或设置另一个 experiment_name"});
  }
  return lock;
}

}  // namespace

std::string experiment_name(const TrainConfig& config, const fs::path& config_path) {
  return config.experiment_name.empty() ? config_path.stem().string() : config.experiment_name;
}

Experiment open_experiment(const fs::path& experiments, const std::string& name, bool resume, fs::path& archived_to) {
  Experiment experiment{experiments / name};
  std::error_code error;
  if (fs::exists(experiment.folder, error)) experiment.lock = lock_folder(experiment.folder);
  if (!resume && experiment.lock) {
    const auto now = std::chrono::time_point_cast<std::chrono::seconds>(std::chrono::system_clock::now());
    const std::string stamped = fmt::format("{}_archived_{:%Y%m%d_%H%M%S}", experiment.folder.string(), now);
    archived_to = stamped;
    for (int copy = 2; fs::exists(archived_to, error); ++copy) archived_to = fmt::format("{}_{}", stamped, copy);
    fs::rename(experiment.folder, archived_to, error);
    if (error) {
      throw Error(ErrorCode::failed,
                  fmt::format("cannot rename the earlier run {}: {}", experiment.folder.string(), error.message()),
                  "choose another experiment_name, continue with --resume, or check the folder's permissions");
    }
  }
  make_folder(experiment.checkpoints());
  if (!resume || !experiment.lock) experiment.lock = lock_folder(experiment.folder);
  return experiment;
}

}  // namespace wring

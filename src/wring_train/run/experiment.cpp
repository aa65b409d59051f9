#include "wring_train/run/experiment.h"

#include <chrono>
#include <system_error>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "wring/base/error.h"
#include "wring/base/files.h"

namespace wring {
namespace fs = std::filesystem;

std::string experiment_name(const TrainConfig& config, const fs::path& config_path) {
  return config.experiment_name.empty() ? config_path.stem().string() : config.experiment_name;
}

Experiment open_experiment(const fs::path& experiments, const std::string& name, bool resume, fs::path& archived_to) {
  Experiment experiment{experiments / name};
  std::error_code error;
  if (!resume && fs::exists(experiment.folder, error)) {
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
  return experiment;
}

}  // namespace wring

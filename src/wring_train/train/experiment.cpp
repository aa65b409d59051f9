#include "wring_train/train/experiment.h"

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/file.h>

#include "wring/base/error.h"
#include "wring/files/file_errors.h"
#include "wring/files/files.h"
#include "wring_train/train/state_files.h"

namespace wring {
namespace fs = std::filesystem;
namespace {

constexpr const char* kCheckpoints = "checkpoints";

// As long as the folder is open, no other run may write there. File systems without locks do without.
std::shared_ptr<const Folder> locked(Folder folder) {
  if (::flock(folder.descriptor(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    const std::string path = folder.path().string();
    throw Error(
        ErrorCode::failed, {"another run is writing in {}", "另一个训练正在写入 {}", path},
        {"wait until it has ended, or choose another experiment_name", "请等待其结束，或设置另一个 experiment_name"});
  }
  return std::make_shared<const Folder>(std::move(folder));
}

// Between opening and locking, another start may have put it aside and let go of it.
std::shared_ptr<const Folder> find_locked(const fs::path& path) {
  for (;;) {
    std::optional<Folder> found = Folder::find(path);
    if (!found) return nullptr;
    auto folder = locked(std::move(*found));
    if (folder->is_at(path)) return folder;
  }
}

std::shared_ptr<const Folder> make_locked(const fs::path& path) {
  for (;;) {
    auto folder = locked(Folder::make(path));
    if (folder->is_at(path)) return folder;
  }
}

std::string stamp() {
  return fmt::format("{:%Y%m%d_%H%M%S}",
                     std::chrono::time_point_cast<std::chrono::seconds>(std::chrono::system_clock::now()));
}

// Renames without replacing what may have that name meanwhile; file systems that cannot promise that rename as ever.
bool rename_to_free(const fs::path& from, const fs::path& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return true;
  if (errno != EINVAL && errno != ENOSYS) return false;
  std::error_code error;
  if (fs::exists(fs::symlink_status(to, error))) {
    errno = EEXIST;
    return false;
  }
  return ::rename(from.c_str(), to.c_str()) == 0;
}

fs::path archive(const fs::path& path) {
  const std::string stamped = fmt::format("{}_archived_{}", path.string(), stamp());
  fs::path to = stamped;
  for (int copy = 2; !rename_to_free(path, to); ++copy) {
    if (errno != EEXIST && errno != ENOTEMPTY) {
      throw Error(
          ErrorCode::failed,
          {"cannot rename the earlier run {}: {}", "无法重命名旧实验 {}：{}", path.string(), std::strerror(errno)},
          {"choose another experiment_name, continue with --resume, or check the folder's permissions",
           "请更换 experiment_name，用 --resume 继续，或检查文件夹权限"});
    }
    to = fmt::format("{}_{}", stamped, copy);
  }
  return to;
}

// A run that was ended before its first state has measured nothing. Where there are measurements but no state, the
// states are somewhere else, and a new run is not what was asked for.
void refuse_lost_states(const Folder& run) {
  const auto metrics = run.status(Experiment::kMetrics);
  if (!metrics || metrics->st_size == 0) return;
  const std::string path = run.path().string();
  throw Error(ErrorCode::failed,
              {"{} has been trained, but its {} folder holds no state to go on from",
               "{} 已训练过，但其 {} 文件夹中没有可继续的状态", path, kCheckpoints},
              {"put the checkpoints back, or start anew without --resume: this run is then kept under another name",
               "请恢复检查点；或去掉 --resume 重新开始：本次训练的文件会以另一名称保留"});
}

Experiment made_at(const fs::path& path) {
  Experiment made{make_locked(path), nullptr};
  made.checkpoints = make_checkpoints(*made.folder);
  return made;
}

}  // namespace

std::string experiment_name(const TrainConfig& config, const fs::path& config_path) {
  return config.experiment_name.empty() ? config_path.stem().string() : config.experiment_name;
}

std::optional<Experiment> find_experiment(const fs::path& experiments, const std::string& name) {
  Experiment earlier{find_locked(experiments / name), nullptr};
  if (!earlier.folder) return std::nullopt;
  std::optional<Folder> checkpoints = earlier.folder->find_in(kCheckpoints);
  if (!checkpoints || state_files(*checkpoints).empty()) {
    refuse_lost_states(*earlier.folder);
    return std::nullopt;
  }
  earlier.checkpoints = locked(std::move(*checkpoints));
  return earlier;
}

Experiment make_experiment(const fs::path& experiments, const std::string& name, fs::path& archived_to) {
  const fs::path path = experiments / name;
  if (const auto earlier = find_locked(path)) archived_to = archive(path);
  return made_at(path);
}

Experiment make_again(const fs::path& path) {
  std::error_code error;
  if (!fs::exists(fs::symlink_status(path, error))) return made_at(path);
  return made_at(fmt::format("{}_rescued_{}", path.string(), stamp()));
}

std::shared_ptr<const Folder> make_checkpoints(const Folder& run) {
  return locked(run.make_in(kCheckpoints));
}

}  // namespace wring

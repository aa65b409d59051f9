#include "wring_train/train/folder_watch.h"

#include <utility>

#include <fmt/format.h>

#include "wring/base/error.h"
#include "wring/files/files.h"

namespace wring {
namespace fs = std::filesystem;

FolderWatch::FolderWatch(const Experiment& experiment, Checkpoints& checkpoints, RunLog& log)
    : experiment_(experiment),
      checkpoints_(checkpoints),
      log_(log),
      folder_(experiment.folder->path()),
      checkpoint_folder_(experiment.checkpoints->path()),
      checkpoints_seen_(experiment.checkpoints.get()) {}

bool FolderWatch::look() {
  if (experiment_.folder->removed()) return false;
  const fs::path folder = experiment_.folder->path();
  if (folder != folder_) say_moved(std::exchange(folder_, folder), folder);
  try {
    const Folder& checkpoints = checkpoints_.folder();
    const fs::path now = checkpoints.path();
    const fs::path before = std::exchange(checkpoint_folder_, now);
    const bool made_anew = std::exchange(checkpoints_seen_, &checkpoints) != &checkpoints;  // which has been said
    if (!made_anew && now != before && now != folder / before.filename()) say_moved(before, now);
  } catch (const Error&) {  // a folder that cannot be made anew: the next checkpoint says it, and tries again
  }
  return true;
}

void FolderWatch::say_moved(const fs::path& before, const fs::path& now) {
  log_.warn({"{} was moved while the run trains: the run goes on writing in {}", "训练期间 {} 被移动：之后写入 {}",
             before.string(), now.string()});
}

// It may also have been moved to another disk, which is a copy and a removal.
void stop_without_folder(const Experiment& experiment, Checkpoints& checkpoints, const StepEngine& engine,
                         const Progress& progress, const std::string& config, bool as_best) {
  const std::string gone = experiment.folder->path().string();
  const Text what(
      fmt::format("the folder of this run, {}, was removed while it trained: it stops at step {}", gone, progress.step),
      fmt::format("训练期间实验文件夹 {} 被删除：在第 {} 步停止", gone, progress.step));
  std::string again;
  try {
    const Experiment made = make_again(gone);
    again = made.folder->path().string();
    write_file_atomically(*made.folder, Experiment::kConfig, config);
    checkpoints.go_on_in(made);
    checkpoints.save(engine, progress, as_best);
  } catch (const Error& error) {
    throw Error(ErrorCode::failed,
                {"{}. Nothing of it could be saved: {}", "{}。未能保存任何内容：{}", what, error.message()});
  }
  if (checkpoints.saved_step() != progress.step) {  // the reason has been said
    throw Error(ErrorCode::failed, {"{}. Nothing of it could be saved", "{}。未能保存任何内容", what});
  }
  const std::string name = fs::path(again).filename().string();
  throw Error(ErrorCode::failed,
              {"{}. Saved in {}: config, state and network of this step; its log, metrics and earlier "
               "checkpoints are gone",
               "{}。已保存到 {}：该步的配置、状态和网络；日志、指标和之前的检查点已丢失", what, again},
              {"to go on from there: the same command with --resume --set experiment_name={}",
               "从该处继续：在原命令后加 --resume --set experiment_name={}", name});
}

}  // namespace wring

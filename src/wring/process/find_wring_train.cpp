#include "wring/process/find_wring_train.h"

#include <chrono>
#include <sstream>
#include <vector>

#include <fmt/format.h>
#include <unistd.h>

#include "wring/base/environment.h"
#include "wring/console/console.h"
#include "wring/files/files.h"
#include "wring/process/child_process.h"

namespace wring {
namespace {

namespace fs = std::filesystem;

bool is_program(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error) && ::access(path.c_str(), X_OK) == 0;
}

std::vector<fs::path> candidates() {
  const fs::path here = this_program().parent_path();
  std::vector<fs::path> paths = {here / kTrainProgram, here.parent_path() / "libexec" / "wring" / kTrainProgram};
  std::string_view folders = environment("PATH").value_or("");
  while (!folders.empty()) {
    const auto colon = folders.find(':');
    if (colon != 0) paths.push_back(fs::path(folders.substr(0, colon)) / kTrainProgram);
    folders.remove_prefix(colon == std::string_view::npos ? folders.size() : colon + 1);
  }
  return paths;
}

}  // namespace

fs::path find_wring_train() {
  for (const fs::path& path : candidates()) {
    if (is_program(path)) return path;
  }
  const std::string here = this_program().parent_path().string();
  throw Error(
      ErrorCode::failed, {"wring-train was not found in {} nor on PATH", "在 {} 和 PATH 中都找不到 wring-train", here},
      with_doctor({"build it: it needs LibTorch (scripts/setup.sh) and -DWRING_TRAIN=ON, then install it beside wring",
                   "请构建它：需要 LibTorch（scripts/setup.sh）和 -DWRING_TRAIN=ON，并安装在 wring 旁边"}));
}

void require_libraries(const fs::path& program) {
  // The loader then prints what it would load, in a few hundredths of a second, and starts nothing.
  const ChildResult traced = run_child(
      {program.string()},
      {.timeout = std::chrono::seconds(60), .working_folder = {}, .environment = {{"LD_TRACE_LOADED_OBJECTS", "1"}}});
  std::string missing;
  std::istringstream lines(traced.out);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t arrow = line.find(" => not found");
    if (arrow == std::string::npos) continue;
    const std::size_t begin = line.find_first_not_of(" \t");
    missing += (missing.empty() ? "" : ", ") + line.substr(begin, arrow - begin);
  }
  if (missing.empty()) return;
  throw Error(ErrorCode::failed, {"{} cannot start: {} not found", "{} 无法启动：找不到 {}", program.string(), missing},
              with_doctor({"install the torch that it was built with (scripts/setup.sh), or build it again",
                           "请安装构建时所用的 torch（scripts/setup.sh），或重新构建"}));
}

}  // namespace wring

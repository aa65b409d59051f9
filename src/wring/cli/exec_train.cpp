#include "wring/cli/exec_train.h"

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sstream>

#include <fmt/format.h>
#include <unistd.h>

#include "wring/base/child_process.h"
#include "wring/base/files.h"
#include "wring/cli/doctor.h"
#include "wring/cli/early_stop.h"
#include "wring/cli/launch_ranks.h"
#include "wring/cli/train_options.h"
#include "wring/config/overrides.h"
#include "wring/config/reader.h"

namespace wring {
namespace {

namespace fs = std::filesystem;

constexpr const char* program_name = "wring-train";

bool is_program(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error) && ::access(path.c_str(), X_OK) == 0;
}

std::vector<fs::path> candidates() {
  const fs::path here = this_program().parent_path();
  std::vector<fs::path> paths = {here / program_name, here.parent_path() / "libexec" / "wring" / program_name};
  const char* variable = std::getenv("PATH");
  std::string_view folders = variable != nullptr ? variable : "";
  while (!folders.empty()) {
    const auto colon = folders.find(':');
    if (colon != 0) paths.push_back(fs::path(folders.substr(0, colon)) / program_name);
    folders.remove_prefix(colon == std::string_view::npos ? folders.size() : colon + 1);
  }
  return paths;
}

std::vector<char*> pointers_to(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (std::string& string : strings) pointers.push_back(string.data());
  pointers.push_back(nullptr);
  return pointers;
}

// Wrong values are reported here, in milliseconds, and not after LibTorch has been loaded.
void check_config(const TrainOptions& options) {
  ConfigFile config = read_config(options.config, UnknownKeys::reject);
  override_values(config.values, options.set, options.config);
}

}  // namespace

fs::path find_wring_train() {
  for (const fs::path& path : candidates()) {
    if (is_program(path)) return path;
  }
  const std::string here = this_program().parent_path().string();
  throw Error(
      ErrorCode::failed,
      {fmt::format("wring-train was not found in {} nor on PATH", here),
       fmt::format("在 {} 和 PATH 中都找不到 wring-train", here)},
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
  throw Error(ErrorCode::failed,
              {fmt::format("{} cannot start: {} not found", program.string(), missing),
               fmt::format("{} 无法启动：找不到 {}", program.string(), missing)},
              with_doctor({"install the torch that it was built with (scripts/setup.sh), or build it again",
                           "请安装构建时所用的 torch（scripts/setup.sh），或重新构建"}));
}

int exec_train(const std::string& command, const Arguments& arguments) {
  std::vector<std::string> line = {program_name, command};
  line.insert(line.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv = pointers_to(line);
  const TrainRequest request = parse_train_program(static_cast<int>(line.size()), argv.data());
  if (const int* code = std::get_if<int>(&request)) return *code;
  if (const auto* train = std::get_if<TrainOptions>(&request)) check_config(*train);

  const fs::path program = find_wring_train();
  require_libraries(program);
  if (const auto* train = std::get_if<TrainOptions>(&request); train != nullptr && train->nproc) {
    return launch_ranks(program, {line.begin() + 1, line.end()}, *train->nproc);
  }
  std::fflush(nullptr);
  hold_stop_signals();
  ::execv(program.c_str(), argv.data());
  throw Error(ErrorCode::failed,
              {fmt::format("cannot start {}: {}", program.string(), std::strerror(errno)),
               fmt::format("无法启动 {}：{}", program.string(), std::strerror(errno))},
              with_doctor({"build it again for this machine", "请为本机重新构建"}));
}

}  // namespace wring

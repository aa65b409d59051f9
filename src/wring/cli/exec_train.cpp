#include "wring/cli/exec_train.h"

#include <cerrno>
#include <cstdio>
#include <cstring>

#include <fmt/format.h>
#include <unistd.h>

#include "wring/cli/train_options.h"
#include "wring/config/overrides.h"
#include "wring/config/reader.h"
#include "wring/process/early_stop.h"
#include "wring/process/find_wring_train.h"
#include "wring/process/launch_ranks.h"

namespace wring {
namespace {

namespace fs = std::filesystem;

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

int exec_train(const std::string& command, const Arguments& arguments) {
  std::vector<std::string> line = {kTrainProgram, command};
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
  throw Error(ErrorCode::failed, {"cannot start {}: {}", "无法启动 {}：{}", program.string(), std::strerror(errno)},
              with_doctor({"build it again for this machine", "请为本机重新构建"}));
}

}  // namespace wring

#include "wring/cli/program.h"

#include <functional>

#include <fmt/format.h>

#include "wring/base/message.h"
#include "wring/cli/benchmark.h"
#include "wring/cli/cache.h"
#include "wring/cli/command_parser.h"
#include "wring/cli/commands.h"
#include "wring/cli/diagnose.h"
#include "wring/cli/exec_train.h"
#include "wring/cli/monitor.h"
#include "wring/cli/optimize.h"

namespace wring {
namespace {

struct Command {
  std::string name;
  Text summary;
  std::function<int(const Arguments&, const CommonOptions&)> run;
};

Command handed_over(const std::string& name, Text summary) {
  return {name, std::move(summary),
          [name](const Arguments& arguments, const CommonOptions&) { return exec_train(name, arguments); }};
}

// The commands that work, in the order in which they are used.
const std::vector<Command>& commands() {
  static const std::vector<Command> all = {
      {"optimize",
       {"write a configuration that fits the GPU, with the reason for each change",
        "生成适合 GPU 的配置，并说明每处改动的原因"},
       optimize_command},
      {"benchmark",
       {"measure which batch size and settings train fastest, and write them", "实测最快的批大小和设置，并写入配置"},
       benchmark_command},
      {"diagnose",
       {"measure why the GPU waits during training, and cure it", "实测训练时 GPU 为何空等，并给出解决办法"},
       diagnose_command},
      handed_over("train", {"train the network that a configuration describes", "按配置训练网络"}),
      handed_over("evaluate", {"measure PSNR and SSIM on a folder of images", "在图像文件夹上测量 PSNR 和 SSIM"}),
      handed_over("upscale", {"enlarge images with a trained network", "用训练好的网络放大图像"}),
      {"monitor",
       {"show what the GPUs really do, and what to do about it", "显示 GPU 的真实状态，并给出建议"},
       monitor_command},
      {"cache", {"show or clear what is kept of decoded images", "查看或清除解码图像的缓存"}, cache_command},
  };
  return all;
}

// Without a command: help, version, or the map of the commands as an error.
int run_without_command(const Arguments& arguments, CommonOptions common) {
  CommandParser parser("wring", "COMMAND [OPTIONS]",
                       {"Wring your GPU dry: find out why it waits, and keep it busy.",
                        "榨干显卡性能：找出 GPU 空等的原因，让它忙起来。"},
                       common);
  std::vector<std::pair<std::string, Text>> rows;
  for (const Command& command : commands()) rows.emplace_back(command.name, command.summary);
  parser.commands(std::move(rows));
  parser.example("wring optimize configs/lightweight_config.yaml");
  parser.example("wring optimize --help");
  if (const auto done = parser.parse(arguments)) return *done;
  write_message(parser.help());
  return static_cast<int>(ErrorCode::usage);
}

int run(const Arguments& arguments, const CommonOptions& common) {
  const CommandLine line = split_command(arguments);
  if (line.command.empty()) return run_without_command(line.arguments, common);
  std::vector<std::string> names;
  for (const Command& command : commands()) {
    if (command.name == line.command) return command.run(line.arguments, common);
    names.push_back(command.name);
  }
  throw unknown_command("wring", line.command, names);
}

}  // namespace

int run_wring(int argc, char** argv) {
  const Arguments arguments(argv + 1, argv + argc);
  const CommonOptions common = early_options(arguments);
  return run_guarded(common, [&] { return run(arguments, common); });
}

}  // namespace wring

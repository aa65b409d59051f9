#include "wring/cli/program.h"

#include <algorithm>
#include <array>
#include <functional>

#include <fmt/format.h>

#include "wring/base/message.h"
#include "wring/cli/benchmark.h"
#include "wring/cli/cache.h"
#include "wring/cli/command_parser.h"
#include "wring/cli/commands.h"
#include "wring/cli/completion.h"
#include "wring/cli/diagnose.h"
#include "wring/cli/doctor.h"
#include "wring/cli/exec_train.h"
#include "wring/cli/monitor.h"
#include "wring/cli/optimize.h"
#include "wring/console/tell_waits.h"
#include "wring/console/terminal.h"
#include "wring/process/early_stop.h"

namespace wring {
namespace {

struct Command {
  std::string name;
  Text summary;
  std::function<int(const Arguments&, const CommonOptions&)> run;
};

int completion_command(const Arguments& arguments, const CommonOptions& given) {
  CommonOptions common = given;
  CommandParser parser("wring completion", "bash|zsh|fish",
                       {"Prints a script that lets a shell complete wring's commands, options and values.",
                        "输出补全脚本，让 shell 补全 wring 的命令、选项和取值。"},
                       common);
  std::string shell;
  parser.argument("SHELL", shell, {"bash, zsh or fish", "bash、zsh 或 fish"});
  parser.example("source <(wring completion bash)",
                 {"for this shell; in ~/.bashrc for every one", "用于当前 shell；写入 ~/.bashrc 则对每个 shell 生效"});
  parser.example("wring completion fish > ~/.config/fish/completions/wring.fish",
                 {"for fish, once and for all", "用于 fish，一次即可"});
  if (const auto done = parser.parse(arguments)) return *done;
  require_choice("SHELL", shell, {"bash", "zsh", "fish"});
  const auto programs = describe_programs();
  write_output(shell == "bash"  ? bash_completion(programs)
               : shell == "zsh" ? zsh_completion(programs)
                                : fish_completion(programs));
  return 0;
}

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
      {"doctor",
       {"check what this machine has and lacks for training", "检查本机训练所需的条件是否齐全"},
       doctor_command},
      {"cache", {"show or clear what is kept of decoded images", "查看或清除解码图像的缓存"}, cache_command},
      {"completion", {"print a script for your shell's completion", "输出 shell 补全脚本"}, completion_command},
  };
  return all;
}

// `wring` itself: its options, with the commands in its help.
std::optional<int> parse_wring(const Arguments& arguments, CommonOptions& common) {
  CommandParser parser("wring", "COMMAND [OPTIONS]",
                       {"Wring your GPU dry: find out why it waits, and keep it busy.",
                        "榨干显卡性能：找出 GPU 空等的原因，让它忙起来。"},
                       common);
  std::vector<std::pair<std::string, Text>> rows;
  for (const Command& command : commands()) rows.emplace_back(command.name, command.summary);
  parser.commands(std::move(rows));
  parser.example("wring optimize configs/lightweight_config.yaml",
                 {"a first step: a configuration for this card", "第一步：为本机显卡生成配置"});
  parser.example("wring optimize --help", {"everything about one command", "查看某个命令的完整说明"});
  return parser.parse(arguments);
}

// Which command for which need.
std::string map_of_needs(const Console& console) {
  static const std::vector<std::pair<Text, std::string>> needs = {
      {{"Will training run on this machine at all?", "这台机器能不能训练？"}, "wring doctor"},
      {{"Is the GPU busy, and with what?", "GPU 忙不忙，在忙什么？"}, "wring monitor"},
      {{"Why does it wait while my own program trains?", "我自己的程序训练时，GPU 为什么空等？"},
       "wring diagnose -- COMMAND"},
      {{"Why does it wait while I train?", "训练时 GPU 为什么空等？"}, "wring diagnose CONFIG"},
      {{"Which configuration fits my card?", "什么配置适合我的显卡？"}, "wring optimize CONFIG"},
      {{"Which batch size and settings are fastest?", "哪个批大小和设置最快？"}, "wring benchmark CONFIG"},
      {{"Train", "训练"}, "wring train CONFIG"},
      {{"How good is the network?", "网络效果如何？"}, "wring evaluate CHECKPOINT FOLDER"},
      {{"Enlarge my photographs", "放大我的照片"}, "wring upscale CHECKPOINT INPUT"},
      {{"What fills ~/.cache/wring?", "~/.cache/wring 里有什么？"}, "wring cache"}};
  int width = 0;
  for (const auto& [need, command] : needs) width = std::max(width, display_width(console.text(need)));
  std::string map;
  for (const auto& [need, command] : needs) {
    map += fmt::format("  {}  {}\n", pad_to(console.text(need), width), paint(command, Ink::bold, console.color_err));
  }
  return map + "\n" +
         console.text({"wring --help lists the commands, wring COMMAND --help explains one.\n",
                       "wring --help 列出所有命令，wring 命令 --help 说明某个命令。\n"});
}

// Without a command: help, version, or the map as an error.
int run_without_command(const Arguments& arguments, CommonOptions common) {
  if (const auto done = parse_wring(arguments, common)) return *done;
  write_painted_message(map_of_needs(console_for(common)));
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

std::vector<CommandDescription> describe_programs() {
  std::vector<CommandDescription> all;
  CommonOptions common;
  all.push_back(describe_command([&] { parse_wring({}, common); }));
  for (const Command& command : commands()) {
    all.push_back(describe_command([&] { command.run({}, common); }));
  }
  all.push_back(describe_command([] {
    std::string name = "optimize_gpu";
    std::array<char*, 2> argv = {name.data(), nullptr};
    run_optimize_gpu(1, argv.data());
  }));
  return all;
}

int run_wring(int argc, char** argv) {
  const Arguments arguments(argv + 1, argv + argc);
  const CommonOptions common = early_options(arguments);
  end_on_stop_signals(common);
  tell_waits(common);
  return run_guarded(common, [&] { return run(arguments, common); });
}

}  // namespace wring

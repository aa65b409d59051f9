#include "wring/cli/optimize.h"

#include <fstream>

#include <fmt/format.h>

#include "wring/cli/command_parser.h"
#include "wring/config/reader.h"
#include "wring/config/unknown_keys.h"
#include "wring/config/vgg_weights.h"
#include "wring/console/paths.h"
#include "wring/files/files.h"
#include "wring/gpu/inventory.h"
#include "wring/plan/machine.h"
#include "wring/plan/planner.h"
#include "wring/report/plan_text.h"

namespace wring {
namespace fs = std::filesystem;
namespace {

Machine given_machine(const OptimizeOptions& options) {
  Machine machine;
  machine.card = options.gpu_memory ? card_of_memory(*options.gpu_memory) : find_card(options.gpu);
  machine.gpus = 1;
  machine.cpu_cores = usable_cores();
  return machine;
}

void refuse_to_overwrite(const fs::path& config, const fs::path& output) {
  std::error_code error;
  if (!fs::equivalent(config, output, error)) return;
  throw Error(ErrorCode::usage, {"the output {} is the config itself", "输出 {} 就是配置文件本身", output.string()},
              {"give another name with -o", "请用 -o 指定另一个文件名"});
}

void refuse_folder(const fs::path& output) {
  std::error_code error;
  if (!fs::is_directory(output, error)) return;
  throw Error(ErrorCode::usage, {"the output {} is a folder", "输出 {} 是文件夹", output.string()},
              {"give the name of a file with -o", "请用 -o 指定文件名"});
}

}  // namespace

fs::path optimize(const OptimizeOptions& options) {
  require_config(options.config);
  fs::path output = options.output.value_or(optimized_path(options.config));
  refuse_to_overwrite(options.config, output);
  refuse_folder(output);
  require_folder_of(output);
  const ConfigFile config = read_config(options.config, UnknownKeys::keep);

  OptimizeReport report{options.config, output, !options.dry_run, {}, {}};
  Machine machine;
  if (options.gpu.empty() && !options.gpu_memory) {
    report.inventory = take_inventory();
    machine = machine_of(*report.inventory, usable_cores());
    machine.vgg_weights = find_vgg_weights({}).file;
  } else {
    machine = given_machine(options);
  }
  if (options.gpus && machine.card) machine.gpus = *options.gpus;

  report.plan = make_plan(config, machine,
                          {.keep_model = options.keep_model,
                           .perceptual = options.perceptual,
                           .same_samples = options.same_samples,
                           .disabled_rules = {}});
  if (Text note = unknown_keys_note(config); !note.empty()) report.plan.notes.push_back(std::move(note));
  check_combinations(report.plan.result, options.config);
  const std::string text = planned_text(config, report.plan);
  if (!options.dry_run) write_file_atomically(output, text);
  const Console console = console_for(options.common);
  if (options.json) {
    print_json(report, console);
  } else {
    print_text(report, console);
  }
  return output;
}

int optimize_command(const Arguments& arguments, const CommonOptions& common) {
  OptimizeOptions options;
  options.common = common;
  CommandParser parser("wring optimize",
                       "CONFIG [-o OUT] [--keep-model] [--same-samples] [--gpu NAME | --gpu-memory GIB]",
                       {"Writes a configuration that fits the GPU, with the reason for each change.",
                        "生成适合 GPU 的配置，并说明每处改动的原因。"},
                       options.common);
  parser.argument("CONFIG", options.config, {"the training configuration (YAML)", "训练配置（YAML）"});
  parser.option("-o,--output", "OUT", options.output,
                {"the file to write (default: beside CONFIG, named …_gpu_optimized.yaml)",
                 "要写入的文件（默认：与 CONFIG 同目录的 …_gpu_optimized.yaml）"});
  parser.flag("--keep-model", options.keep_model,
              {"change only what leaves the network and its training as they are", "只改动不影响网络及其训练方式的项"});
  bool perceptual = false;
  parser.flag("--perceptual", perceptual,
              {"add the perceptual loss, which changes what is trained for", "增加感知损失（会改变训练目标）"});
  parser.flag(
      "--same-samples", options.same_samples,
      {"let the run see as many pixels as before: total_iters, warmup_iters, val_freq, checkpoint_freq and "
       "milestones are scaled",
       "保持整个训练的像素数不变：相应调整 total_iters、warmup_iters、val_freq、checkpoint_freq 和 milestones"});
  parser.exclude("--perceptual", "--keep-model");
  parser.option("--gpu", "NAME", options.gpu,
                {"plan for this card instead of the one found (\"RTX 4090\")",
                 "按指定显卡规划，而不是检测到的显卡（如 \"RTX 4090\"）"});
  parser.option("--gpu-memory", "GIB", options.gpu_memory,
                {"plan for a card with this much memory", "按指定显存大小（GiB）规划"});
  parser.exclude("--gpu-memory", "--gpu");
  parser.option("--gpus", "N", options.gpus, {"how many such cards there are", "此类显卡的数量"});
  parser.flag("--dry-run", options.dry_run, {"show the changes and write nothing", "只显示改动，不写文件"});
  parser.flag("--json", options.json, {"print one JSON object instead of text", "输出一个 JSON 对象而非文本"});
  parser.example("wring optimize configs/lightweight_config.yaml",
                 {"writes configs/lightweight_gpu_optimized.yaml for this machine's card",
                  "按本机显卡写出 configs/lightweight_gpu_optimized.yaml"});
  parser.example("wring optimize configs/lightweight_config.yaml --gpu \"RTX 4090\" --dry-run",
                 {"shows what would change for a card that is not here", "查看为另一块显卡会做哪些改动"});
  if (const auto done = parser.parse(arguments)) return *done;
  if (perceptual) options.perceptual = PerceptualChoice::on;
  constexpr int kMostGpus = 1 << 16;
  if (options.gpus && (*options.gpus < 1 || *options.gpus > kMostGpus)) {
    throw Error(ErrorCode::usage,
                {"--gpus: {} is not from 1 to {}", "--gpus：{} 不在 1 到 {} 之间", *options.gpus, kMostGpus});
  }
  optimize(options);
  return 0;
}

}  // namespace wring

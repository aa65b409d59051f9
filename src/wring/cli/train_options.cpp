#include "wring/cli/train_options.h"

#include <fmt/format.h>

#include "wring/cli/command_parser.h"
#include "wring/cli/commands.h"
#include "wring/console/assignments.h"
#include "wring/console/paths.h"
#include "wring/process/launch_ranks.h"

namespace wring {
namespace {

namespace fs = std::filesystem;

const Text kMakeCheckpoint{"train one with: wring train CONFIG", "请先训练：wring train CONFIG"};
// Pixels on a side. EDSR with 16 blocks sees 35 pixels around each of its results.
constexpr int kSmallestTile = 32;

const Text kCheckPath{"check the path", "请检查路径"};

Device parse_device(const std::string& name) {
  require_choice("--device", name, {"auto", "cpu", "cuda"});
  return name == "cpu" ? Device::cpu : name == "cuda" ? Device::cuda : Device::automatic;
}

void add_device(CommandParser& parser, std::string& into) {
  parser.option("--device", "auto|cpu|cuda", into,
                {"where to compute (default: the GPU when there is one)", "计算设备（默认：有 GPU 则用 GPU）"});
}

void require_image_folder(const fs::path& folder) {
  require_folder(folder, {"the image folder", "图像文件夹"}, kCheckPath);
}

TrainRequest parse_train(const Arguments& arguments, const CommonOptions& common) {
  TrainOptions options;
  options.common = common;
  CommandParser parser("wring train", "CONFIG [--resume] [--nproc N] [--set key=value …] [--device auto|cpu|cuda]",
                       {"Trains the network that a configuration describes.", "按配置训练网络。"}, options.common);
  parser.argument("CONFIG", options.config, {"the training configuration (YAML)", "训练配置（YAML）"});
  parser.flag("--resume", options.resume, {"go on from the last checkpoint", "从最近的检查点继续"});
  parser.option("--nproc", "N", options.nproc,
                {"train on N GPUs of this machine, batch_size samples on each (docs/scaling.md: several machines)",
                 "用本机的 N 块 GPU 训练，每块 batch_size 个样本（多机见 docs/scaling.md）"});
  parser.repeated("--set", "KEY=VALUE", options.set,
                  {"use this value instead of the config's; several can follow", "用此值代替配置中的值，可给出多个"});
  std::string device = "auto";
  add_device(parser, device);
  parser.option(
      "--experiments", "DIR", options.experiments,
      {"the folder for checkpoints and logs (default: experiments)", "存放检查点和日志的文件夹（默认：experiments）"});
  struct DataFolder {
    const char* flag;
    const char* key;
    Text help;
    std::string path;
  };
  std::vector<DataFolder> folders = {
      {"--train-hr", "train_hr_dir", {"high-resolution images to train on", "训练用高分辨率图像"}, {}},
      {"--train-lr",
       "train_lr_dir",
       {"their low-resolution versions (default: bicubic)", "对应的低分辨率图像（默认：双三次生成）"},
       {}},
      {"--val-hr", "val_hr_dir", {"high-resolution images to validate on", "验证用高分辨率图像"}, {}},
      {"--val-lr",
       "val_lr_dir",
       {"their low-resolution versions (default: bicubic)", "对应的低分辨率图像（默认：双三次生成）"},
       {}}};
  for (DataFolder& folder : folders) parser.option(folder.flag, "DIR", folder.path, folder.help);
  parser.example("wring train configs/lightweight_gpu_optimized.yaml",
                 {"writes experiments/lightweight_gpu_optimized/", "写入 experiments/lightweight_gpu_optimized/"});
  parser.example("wring train configs/lightweight_config.yaml --set batch_size=32 total_iters=1000",
                 {"a short run with other values than the file's", "用不同于文件的值做一次短训练"});
  if (const auto done = parser.parse(separate_assignments(arguments))) return *done;

  options.device = parse_device(device);
  require_rank_count(options.nproc);
  require_config(options.config);
  for (const std::string& assignment : options.set) require_pair(assignment);
  for (const DataFolder& folder : folders) {
    if (folder.path.empty()) continue;
    require_image_folder(folder.path);
    options.set.push_back(fmt::format("{}={}", folder.key, folder.path));
  }
  return options;
}

void check_evaluate(const EvaluateOptions& options, bool bicubic, bool scale_given) {
  if (scale_given && !bicubic) {
    throw Error(ErrorCode::usage, {"--scale belongs to --bicubic", "--scale 只用于 --bicubic"},
                {"a checkpoint brings its own scale", "检查点自带放大倍数"});
  }
  if (options.scale != 2 && options.scale != 3 && options.scale != 4 && options.scale != 8) {
    throw Error(ErrorCode::usage, {"--scale: {} is not one of its values", "--scale：{} 不是可用的值", options.scale},
                {"use one of: 2, 3, 4, 8", "可用的值：2、3、4、8"});
  }
  if (options.checkpoint) require_file(*options.checkpoint, {"the checkpoint", "检查点"}, kMakeCheckpoint);
  require_image_folder(options.folder);
  if (options.lr_folder) require_image_folder(*options.lr_folder);
  if (options.compare) {
    if (options.compare->extension() != ".png") {
      throw Error(ErrorCode::usage, {"--compare writes a PNG, and {} does not end in .png",
                                     "--compare 输出 PNG，而 {} 不以 .png 结尾", options.compare->string()});
    }
    require_folder_of(*options.compare);
  }
}

TrainRequest parse_evaluate(const Arguments& arguments, const CommonOptions& common) {
  EvaluateOptions options;
  options.common = common;
  CommandParser parser("wring evaluate", "CHECKPOINT FOLDER | --bicubic --scale S FOLDER",
                       {"Measures PSNR and SSIM of a checkpoint, or of bicubic enlargement, on a folder of images.",
                        "在一个图像文件夹上测量检查点（或双三次放大）的 PSNR 和 SSIM。"},
                       options.common);
  std::vector<std::string> paths;
  parser.arguments("PATHS", paths,
                   {"the checkpoint, then the folder with high-resolution images; with --bicubic only the folder",
                    "检查点，然后是高分辨率图像文件夹；使用 --bicubic 时只需文件夹"});
  bool bicubic = false;
  parser.flag("--bicubic", bicubic,
              {"measure bicubic enlargement instead of a checkpoint", "测量双三次放大而非检查点"});
  std::optional<int> scale;
  parser.option("--scale", "2|3|4|8", scale, {"how much bicubic enlarges (default: 4)", "双三次放大的倍数（默认：4）"});
  parser.option(
      "--lr", "DIR", options.lr_folder,
      {"low-resolution images to enlarge (default: made by bicubic)", "要放大的低分辨率图像（默认：双三次生成）"});
  parser.option("--save", "DIR", options.save_folder, {"write the enlarged images there", "保存放大后的图像"});
  parser.option("--compare", "FILE.png", options.compare, {"write a picture side by side", "保存并排对比图"});
  parser.flag("--json", options.json, {"print one JSON object instead of text", "输出一个 JSON 对象而非文本"});
  std::string device = "auto";
  add_device(parser, device);
  parser.example("wring evaluate experiments/demo/checkpoints/best.safetensors data/Set5",
                 {"PSNR and SSIM of a trained network", "已训练网络的 PSNR 和 SSIM"});
  parser.example("wring evaluate --bicubic --scale 4 data/Set5", {"what it has to beat", "需要超越的基准"});
  if (const auto done = parser.parse(arguments)) return *done;

  const std::size_t wanted = bicubic ? 1 : 2;
  if (paths.size() != wanted) {
    const Text what = bicubic ? Text{"--bicubic takes one folder", "--bicubic 需要一个文件夹"}
                              : Text{"a checkpoint and a folder are needed", "需要一个检查点和一个文件夹"};
    throw Error(ErrorCode::usage, {"{}, {} given", "{}，给出了 {} 个", what, paths.size()},
                {"usage: wring evaluate CHECKPOINT FOLDER | --bicubic --scale S FOLDER",
                 "用法：wring evaluate CHECKPOINT FOLDER | --bicubic --scale S FOLDER"});
  }
  if (!bicubic) options.checkpoint = paths.front();
  options.folder = paths.back();
  options.scale = scale.value_or(options.scale);
  options.device = parse_device(device);
  check_evaluate(options, bicubic, scale.has_value());
  return options;
}

TrainRequest parse_upscale(const Arguments& arguments, const CommonOptions& common) {
  UpscaleOptions options;
  options.common = common;
  CommandParser parser("wring upscale", "CHECKPOINT INPUT [-o OUTPUT] [--tile N]",
                       {"Enlarges an image, or every image of a folder, with a checkpoint.",
                        "用检查点放大一张图像或一个文件夹中的所有图像。"},
                       options.common);
  parser.argument("CHECKPOINT", options.checkpoint,
                  {"a trained network (.safetensors)", "训练好的网络（.safetensors）"});
  parser.argument("INPUT", options.input, {"an image or a folder of images", "一张图像或图像文件夹"});
  parser.option("-o,--output", "OUTPUT", options.output,
                {"the file or folder to write (default: NAME_x4.png beside an image, INPUT_x4/ beside a folder; 4: the "
                 "network's scale)",
                 "要写入的文件或文件夹（默认：图像旁的 NAME_x4.png，文件夹旁的 INPUT_x4/；4 为网络的放大倍数）"});
  parser.option("--tile", "N", options.tile,
                {"side of a tile in input pixels, 0 for the image at once (default: 256)",
                 "分块边长（输入像素），0 表示整张处理（默认：256）"});
  std::string device = "auto";
  add_device(parser, device);
  parser.example("wring upscale experiments/demo/checkpoints/best.safetensors photo.jpg -o photo_x4.png",
                 {"one photograph", "放大一张照片"});
  parser.example("wring upscale experiments/demo/checkpoints/best.safetensors photos",
                 {"every image of a folder, into photos_x4/ (of a network that enlarges four times)",
                  "放大文件夹中的所有图像，写入 photos_x4/（四倍网络）"});
  if (const auto done = parser.parse(arguments)) return *done;

  options.device = parse_device(device);
  if (options.tile != 0 && options.tile < kSmallestTile) {
    throw Error(
        ErrorCode::usage,
        {"--tile: {} is neither 0 nor at least {}", "--tile：{} 应为 0 或不小于 {}", options.tile, kSmallestTile},
        {"every tile is computed with what the network sees around it, so small ones are nearly all overlap; 256 "
         "fits most cards, 0 takes the image at once",
         "每个分块都要连同网络所见的周边一起计算，过小的分块几乎全是重叠；256 适合大多数显卡，0 表示整张处理"});
  }
  require_file(options.checkpoint, {"the checkpoint", "检查点"}, kMakeCheckpoint);
  std::error_code error;
  if (!fs::is_directory(options.input, error)) require_file(options.input, {"the input", "输入"}, kCheckPath);
  if (options.output) require_folder_of(*options.output);
  return options;
}

TrainRequest dispatch(const Arguments& all, const CommonOptions& common) {
  const CommandLine line = split_command(all);
  if (line.command == "train") return parse_train(line.arguments, common);
  if (line.command == "evaluate") return parse_evaluate(line.arguments, common);
  if (line.command == "upscale") return parse_upscale(line.arguments, common);
  if (line.command.empty()) {
    CommonOptions options = common;
    CommandParser parser("wring-train", "train|evaluate|upscale …",
                         {"The part of wring that computes; wring starts it.", "wring 的计算部分，由 wring 启动。"},
                         options);
    if (const auto done = parser.parse(line.arguments)) return *done;
    throw Error(ErrorCode::usage, {"a command is missing", "缺少命令"},
                {"use train, evaluate or upscale", "可用命令：train、evaluate、upscale"});
  }
  throw unknown_command("wring-train", line.command, {"train", "evaluate", "upscale"});
}

}  // namespace

TrainRequest parse_train_program(int argc, char** argv) {
  const Arguments arguments(argv + 1, argv + argc);
  const CommonOptions common = early_options(arguments);
  TrainRequest request = 0;
  const int code = run_guarded(common, [&] {
    request = dispatch(arguments, common);
    return 0;
  });
  return code == 0 ? request : TrainRequest(code);
}

}  // namespace wring

#include "wring/config/keys.h"

#include <algorithm>

namespace wring {
namespace {

constexpr double kAny = std::numeric_limits<double>::infinity();
constexpr double kSteps = 1e9;           // more steps than any run takes, and exact in a double
constexpr double kSeeds = 4294967295.0;  // 32 bits, so that other programs can take the same seed

std::vector<Key> network_keys() {
  using C = TrainConfig;
  return {
      {"model", &C::model, "", {"Network family", "网络类型"}, -kAny, kAny, {"edsr"}},
      {"base_channels",
       &C::base_channels,
       "channels",
       {"Width of the network: features of every convolution in the body; arithmetic grows with its square",
        "网络宽度，即主干每个卷积的特征通道数；计算量随其平方增长"},
       1,
       1024,
       {}},
      {"num_blocks",
       &C::num_blocks,
       "blocks",
       {"Depth of the network: residual blocks in the body, two convolutions each",
        "网络深度，即主干中残差块的数量，每块两个卷积"},
       1,
       256,
       {}},
      {"scale_factor",
       &C::scale_factor,
       "×",
       {"Magnification from the low-resolution input to the output; 1 restores at the same size",
        "从低分辨率输入到输出的放大倍数；1 表示原尺寸复原"},
       -kAny,
       kAny,
       {"1", "2", "3", "4", "8"}},
  };
}

std::vector<Key> batch_keys() {
  using C = TrainConfig;
  return {
      {"batch_size",
       &C::batch_size,
       "patches per GPU",
       {"Patches in one step on each GPU; fills the GPU, and changes how the training converges",
        "每块 GPU 每步处理的图块数；越大越能占满 GPU，同时会影响收敛过程"},
       1,
       65536,
       {}},
      {"patch_size",
       &C::patch_size,
       "HR pixels",
       {"Side of the square training patch, measured in the high-resolution image; a multiple of "
        "scale_factor",
        "正方形训练图块的边长，以高分辨率像素计；必须是 scale_factor 的整数倍"},
       8,
       4096,
       {}},
      {"num_workers",
       &C::num_workers,
       "threads",
       {"Threads that prepare batches beside the training; 0 prepares them in the training thread",
        "在训练之外并行准备批次的线程数；0 表示由训练线程自己准备"},
       0,
       1024,
       {}},
      {"pin_memory",
       &C::pin_memory,
       "",
       {"Batches wait in page-locked memory, from which the GPU copies without stopping the CPU",
        "批次放在锁页内存中，GPU 可以异步拷贝而不打断 CPU"}},
      {"persistent_workers",
       &C::persistent_workers,
       "",
       {"Workers live for the whole run instead of starting anew with each epoch",
        "工作线程在整个训练中保持存活，不在每个轮次重新启动"}},
      {"prefetch_factor",
       &C::prefetch_factor,
       "batches per worker",
       {"Finished batches that each worker keeps ready", "每个工作线程预先准备好的批次数"},
       1,
       256,
       {}},
  };
}

std::vector<Key> speed_keys() {
  using C = TrainConfig;
  return {
      {"use_mixed_precision",
       &C::use_mixed_precision,
       "",
       {"Computes in 16 bits and keeps the weights in 32, which the matrix units run several times faster",
        "以 16 位计算、以 32 位保存权重，矩阵单元的速度可提高数倍"}},
      {"amp_dtype",
       &C::amp_dtype,
       "",
       {"The 16-bit type: bf16 has the range of fp32, fp16 is for cards older than Ampere and needs loss "
        "scaling",
        "16 位类型：bf16 的数值范围与 fp32 相同；fp16 用于 Ampere 之前的显卡，需要损失缩放"},
       -kAny,
       kAny,
       {"bf16", "fp16"}},
      {"compile_model",
       &C::compile_model,
       "",
       {"Engine of the training step: not given, the fastest of the device that computes eager's numbers (on a GPU the "
        "whole step as one CUDA graph, with own kernels where they apply; on the CPU eager); false, eager, operator by "
        "operator; true, the fastest of the device",
        "训练步的引擎：未给出时，选用该设备上与 eager 数值一致的最快引擎（GPU 上整步为一个 CUDA "
        "图，可用时采用自有核函数；CPU 上为 eager）；false 为 eager，逐个算子执行；true 为该设备上最快的引擎"}},
      {"fold_tail",
       &C::fold_tail,
       "",
       {"auto computes EDSR's linear tail as one convolution at low resolution: the same network and weights with half "
        "the arithmetic; off computes it layer by layer",
        "auto 将 EDSR 的线性尾部合并为一个低分辨率卷积：网络与权重不变，计算量减半；off 逐层计算"},
       -kAny,
       kAny,
       {"auto", "off"}},
      {"channels_last",
       &C::channels_last,
       "",
       {"Stores a pixel's channels next to each other, the order that the matrix units read",
        "同一像素的各通道相邻存放，正是矩阵单元读取的顺序"}},
      {"data_cache",
       &C::data_cache,
       "",
       {"Where decoded images stay: gpu, host memory (from which four or more workers cut patches, or the GPU over "
        "the bus), or none (decoded for every sample); auto: the first of these that they fit into with room to spare",
        "解码后的图像保存在哪里：gpu 为显存，host 为内存（不少于四个工作线程裁剪，否则 GPU 经总线读取），none "
        "为不保存（每个样本重新解码）；"
        "auto 取第一个放得下且留有余量的"},
       -kAny,
       kAny,
       {"auto", "gpu", "host", "none"}},
  };
}

std::vector<Key> loss_keys() {
  using C = TrainConfig;
  return {
      {"loss",
       &C::loss,
       "",
       {"Pixel loss; l1 is the usual choice for fidelity, charbonnier is its smooth form, mse favours PSNR",
        "像素损失；l1 是常用选择，charbonnier 是其平滑形式，mse 偏向 PSNR"},
       -kAny,
       kAny,
       {"l1", "charbonnier", "mse"}},
      {"use_perceptual",
       &C::use_perceptual,
       "",
       {"Adds a loss on VGG-19 features: more texture, lower PSNR, and a good deal more arithmetic",
        "增加基于 VGG-19 特征的损失：纹理更丰富，PSNR 会降低，计算量明显增加"}},
      {"perceptual_weight",
       &C::perceptual_weight,
       "",
       {"Weight of the perceptual loss beside the pixel loss", "感知损失相对于像素损失的权重"},
       0,
       1e6,
       {}},
      {"perceptual_weights_file",
       &C::perceptual_weights_file,
       "path",
       {"VGG-19 weights (safetensors or torch.save's .pth, torchvision's names); empty takes the file that PyTorch "
        "keeps, hub/checkpoints/vgg19-dcbb9e9d.pth in TORCH_HOME, XDG_CACHE_HOME/torch or ~/.cache/torch, and a fixed "
        "random network where there is none; random takes that in any case",
        "VGG-19 权重文件（safetensors 或 torch.save 的 .pth，torchvision 命名）；留空则使用 PyTorch 保存的 "
        "hub/checkpoints/vgg19-dcbb9e9d.pth（位于 TORCH_HOME、XDG_CACHE_HOME/torch 或 "
        "~/.cache/torch），没有时使用固定的随机网络；random 表示总是使用该随机网络"}},
  };
}

std::vector<Key> optimisation_keys() {
  using C = TrainConfig;
  return {
      {"optimizer",
       &C::optimizer,
       "",
       {"Update rule of the weights", "权重的更新算法"},
       -kAny,
       kAny,
       {"adamw", "adam", "adan"}},
      {"lr", &C::lr, "", {"Peak learning rate, after the warm-up", "学习率峰值（预热之后）"}, 1e-12, 10, {}},
      {"weight_decay",
       &C::weight_decay,
       "",
       {"Decoupled decay of the weights; super-resolution usually does without",
        "解耦的权重衰减；超分辨率训练通常不用"},
       0,
       1,
       {}},
      {"scheduler",
       &C::scheduler,
       "",
       {"Course of the learning rate after the warm-up", "预热之后学习率的变化方式"},
       -kAny,
       kAny,
       {"cosine", "multistep", "constant"}},
      {"eta_min",
       &C::eta_min,
       "",
       {"Learning rate at the end of the cosine schedule", "余弦调度结束时的学习率"},
       0,
       10,
       {}},
      {"milestones",
       &C::milestones,
       "steps",
       {"Steps at which the multistep schedule multiplies the learning rate by gamma",
        "multistep 调度在这些步将学习率乘以 gamma"},
       1,
       kSteps,
       {}},
      {"gamma", &C::gamma, "", {"Factor of the multistep schedule", "multistep 调度的衰减系数"}, 1e-6, 1, {}},
      {"warmup_iters",
       &C::warmup_iters,
       "steps",
       {"Steps over which the learning rate rises linearly from zero; calms the start of large batches",
        "学习率从零线性上升所用的步数；可使大批次的开头更稳定"},
       0,
       kSteps,
       {},
       {"no warm-up", "不预热"}},
      {"total_iters", &C::total_iters, "steps", {"Length of the run", "训练总步数"}, 1, kSteps, {}},
      {"gradient_accumulation_steps",
       &C::gradient_accumulation_steps,
       "batches",
       {"Batches whose gradients are averaged before each update: a larger batch without its memory",
        "每次更新前累积平均梯度的批次数：不占用更多显存即可得到更大的有效批次"},
       1,
       4096,
       {}},
      {"grad_clip",
       &C::grad_clip,
       "",
       {"Largest norm of the gradient, longer ones are shortened to it; 0 never clips",
        "梯度范数的上限，超出时按比例缩短；0 表示不裁剪"},
       0,
       1e9,
       {},
       {"no clipping", "不裁剪"}},
      {"ema_decay",
       &C::ema_decay,
       "",
       {"Decay of the moving average of the weights, which is validated and saved; 0 keeps none",
        "权重滑动平均的衰减系数，验证和保存使用该平均值；0 表示不使用"},
       0,
       0.999999,
       {},
       {"no average", "不使用滑动平均"}},
      {"seed",
       &C::seed,
       "",
       {"Seed of initialisation, order, crops and flips", "初始化、顺序、裁剪和翻转的随机种子"},
       0,
       kSeeds,
       {}},
  };
}

std::vector<Key> run_keys() {
  using C = TrainConfig;
  return {
      {"val_freq",
       &C::val_freq,
       "steps",
       {"Steps between validations; there is always one at the end", "验证间隔步数；结束时总会验证一次"},
       1,
       kSteps,
       {}},
      {"checkpoint_freq",
       &C::checkpoint_freq,
       "steps",
       {"Steps between checkpoints; there is always one at the end", "保存检查点的间隔步数；结束时总会保存一次"},
       1,
       kSteps,
       {}},
      {"keep_checkpoints",
       &C::keep_checkpoints,
       "checkpoints",
       {"The newest checkpoints that are kept to resume from; should one be damaged, the one before it is used",
        "保留最近几个可供继续训练的检查点；若其中一个损坏，则使用前一个"},
       1,
       1000,
       {}},
      {"log_freq", &C::log_freq, "steps", {"Steps between log lines", "日志行之间的间隔步数"}, 1, kSteps, {}},
      {"early_stopping_patience",
       &C::early_stopping_patience,
       "validations",
       {"Validations without a better PSNR after which the run ends; 0 never ends early",
        "PSNR 连续多少次验证没有提高就结束训练；0 表示不提前结束"},
       0,
       kSteps,
       {},
       {"no early end", "不提前结束"}},
      {"early_stopping_min_delta",
       &C::early_stopping_min_delta,
       "dB",
       {"Gain in PSNR that counts as better", "视为提高的最小 PSNR 增量"},
       0,
       100,
       {}},
  };
}

std::vector<Key> data_keys() {
  using C = TrainConfig;
  return {
      {"data_dir",
       &C::data_dir,
       "path",
       {"Folder of the data set, in which the folders below are found when they are not given",
        "数据集目录；下面的各目录未指定时在其中查找"}},
      {"train_hr_dir",
       &C::train_hr_dir,
       "path",
       {"High-resolution training images; empty takes data_dir/train/HR",
        "高分辨率训练图像；留空则为 data_dir/train/HR"}},
      {"train_lr_dir",
       &C::train_lr_dir,
       "path",
       {"Their low-resolution versions; empty takes data_dir/train/LR where it exists, else MATLAB's bicubic "
        "makes them",
        "对应的低分辨率图像；留空则为 data_dir/train/LR，不存在时用 MATLAB 双三次插值生成"}},
      {"train_meta_info",
       &C::train_meta_info,
       "path",
       {"A text file that names the training images to use, one a line, relative to the folder of high-resolution ones "
        "(BasicSR's meta_info); empty takes all",
        "文本文件，每行列出一张要使用的训练图像，路径相对于高分辨率图像目录（BasicSR 的 meta_info）；留空则使用全部"}},
      {"val_hr_dir",
       &C::val_hr_dir,
       "path",
       {"High-resolution validation images; empty takes data_dir/val/HR",
        "高分辨率验证图像；留空则为 data_dir/val/HR"}},
      {"val_lr_dir",
       &C::val_lr_dir,
       "path",
       {"Their low-resolution versions; empty takes data_dir/val/LR where it exists, else MATLAB's bicubic "
        "makes them",
        "对应的低分辨率图像；留空则为 data_dir/val/LR，不存在时用 MATLAB 双三次插值生成"}},
      {"dataset_enlarge_ratio",
       &C::dataset_enlarge_ratio,
       "",
       {"How often every image counts in one epoch; small sets then start fewer epochs",
        "每张图像在一个轮次中计入的次数；小数据集因此减少轮次切换"},
       1,
       1e6,
       {}},
      {"use_hflip", &C::use_hflip, "", {"Mirrors half of the patches", "随机水平翻转一半的图块"}},
      {"use_rot",
       &C::use_rot,
       "",
       {"Flips patches vertically and turns them by 90°, at random", "随机将图块垂直翻转和旋转 90°"}},
      {"experiment_name",
       &C::experiment_name,
       "",
       {"Name of the folder that the run writes to; empty takes the config's file name",
        "训练输出目录的名称；留空则取配置文件名"}},
  };
}

std::vector<Key> build_table() {
  std::vector<Key> all;
  for (auto group : {network_keys, batch_keys, speed_keys, loss_keys, optimisation_keys, run_keys, data_keys}) {
    for (Key& key : group()) all.push_back(std::move(key));
  }
  return all;
}

}  // namespace

std::span<const Key> keys() {
  static const std::vector<Key> table = build_table();
  return table;
}

const Key* find_key(std::string_view name) {
  const auto found = std::ranges::find(keys(), name, &Key::name);
  return found == keys().end() ? nullptr : &*found;
}

std::span<const std::string> key_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const Key& key : keys()) all.push_back(key.name);
    return all;
  }();
  return names;
}

}  // namespace wring

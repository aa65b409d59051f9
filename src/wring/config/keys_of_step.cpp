// The keys of what is trained and of how a step runs: network, batch, speed.
#include "wring/config/key_groups.h"

namespace wring {

using enum Effect;
using enum Scope;

std::vector<Key> network_keys() {
  using C = TrainConfig;
  return {
      {"model", &C::model, model, network, "", {"Network family", "网络类型"}, -kAny, kAny, {"edsr"}},
      {"base_channels",
       &C::base_channels,
       model,
       network,
       "channels",
       {"Width of the network: features of every convolution in the body; arithmetic grows with its square",
        "网络宽度，即主干每个卷积的特征通道数；计算量随其平方增长"},
       1,
       1024,
       {}},
      {"num_blocks",
       &C::num_blocks,
       model,
       network,
       "blocks",
       {"Depth of the network: residual blocks in the body, two convolutions each",
        "网络深度，即主干中残差块的数量，每块两个卷积"},
       1,
       256,
       {}},
      {"scale_factor",
       &C::scale_factor,
       model,
       network,
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
       optimisation,
       step,
       "patches per GPU",
       {"Patches in one step on each GPU; fills the GPU, and changes how the training converges",
        "每块 GPU 每步处理的图块数；越大越能占满 GPU，同时会影响收敛过程"},
       1,
       65536,
       {}},
      {"patch_size",
       &C::patch_size,
       optimisation,
       step,
       "HR pixels",
       {"Side of the square training patch, measured in the high-resolution image; a multiple of "
        "scale_factor",
        "正方形训练图块的边长，以高分辨率像素计；必须是 scale_factor 的整数倍"},
       8,
       4096,
       {}},
      {"num_workers",
       &C::num_workers,
       speed,
       loader,
       "threads",
       {"Threads that prepare batches beside the training; 0 prepares them in the training thread",
        "在训练之外并行准备批次的线程数；0 表示由训练线程自己准备"},
       0,
       1024,
       {}},
      {"pin_memory",
       &C::pin_memory,
       speed,
       loader,
       "",
       {"Batches wait in page-locked memory, from which the GPU copies without stopping the CPU",
        "批次放在锁页内存中，GPU 可以异步拷贝而不打断 CPU"}},
      {"persistent_workers",
       &C::persistent_workers,
       speed,
       loader,
       "",
       {"Workers live for the whole run instead of starting anew with each epoch",
        "工作线程在整个训练中保持存活，不在每个轮次重新启动"}},
      {"prefetch_factor",
       &C::prefetch_factor,
       speed,
       loader,
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
       speed,
       step,
       "",
       {"Computes in 16 bits and keeps the weights in 32, which the matrix units run several times faster",
        "以 16 位计算、以 32 位保存权重，矩阵单元的速度可提高数倍"}},
      {"amp_dtype",
       &C::amp_dtype,
       speed,
       step,
       "",
       {"The 16-bit type: bf16 has the range of fp32, fp16 is for cards older than Ampere and needs loss "
        "scaling",
        "16 位类型：bf16 的数值范围与 fp32 相同；fp16 用于 Ampere 之前的显卡，需要损失缩放"},
       -kAny,
       kAny,
       {"bf16", "fp16"}},
      {"compile_model",
       &C::compile_model,
       speed,
       step,
       "",
       {"Engine of the training step: not given, the fastest of the device that computes eager's numbers (on a GPU the "
        "whole step as one CUDA graph, with own kernels where they apply; on the CPU eager); false, eager, operator by "
        "operator; true, the fastest of the device",
        "训练步的引擎：未给出时，选用该设备上与 eager 数值一致的最快引擎（GPU 上整步为一个 CUDA "
        "图，可用时采用自有核函数；CPU 上为 eager）；false 为 eager，逐个算子执行；true 为该设备上最快的引擎"}},
      {"fold_tail",
       &C::fold_tail,
       speed,
       step,
       "",
       {"auto computes EDSR's linear tail as one convolution at low resolution: the same network and weights with half "
        "the arithmetic; off computes it layer by layer",
        "auto 将 EDSR 的线性尾部合并为一个低分辨率卷积：网络与权重不变，计算量减半；off 逐层计算"},
       -kAny,
       kAny,
       {"auto", "off"}},
      {"channels_last",
       &C::channels_last,
       speed,
       step,
       "",
       {"Stores a pixel's channels next to each other, the order that the matrix units read",
        "同一像素的各通道相邻存放，正是矩阵单元读取的顺序"}},
      {"data_cache",
       &C::data_cache,
       speed,
       images,
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

}  // namespace wring

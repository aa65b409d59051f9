#include "wring/doctor/checks.h"

#include <algorithm>

#include <fmt/format.h>

namespace wring {
namespace {

// Below these a machine trains, but Wring's shipped configurations do not have what they count on.
constexpr int kFewCores = 4;
constexpr std::int64_t kLittleMemoryMib = 8 << 10;
constexpr std::int64_t kLittleSharedMemoryMib = 1 << 10;  // Docker gives 64 MiB unless told otherwise
constexpr std::int64_t kLittleDiskMib = 2 << 10;          // a run's checkpoints and logs
constexpr double kSlowDiskMibS = 50;

const Text kNothingComputes{"wring train, evaluate, upscale, benchmark and diagnose cannot run",
                            "无法运行 wring train、evaluate、upscale、benchmark 和 diagnose"};

double gib(std::int64_t mib) {
  return static_cast<double>(mib) / 1024.0;
}

Check program_check(const MachineFacts& facts) {
  Check check{"wring_train", {"wring-train", "wring-train"}, CheckState::good, {}, {}, {}};
  if (facts.wring_train) {
    check.found = facts.wring_train->string();
    return check;
  }
  check.state = CheckState::missing;
  check.found = {"not found beside wring nor on PATH", "在 wring 旁边和 PATH 中都找不到"};
  check.means = kNothingComputes;
  check.cure = {"build it (make build; it needs LibTorch) and install it beside wring",
                "请构建它（make build，需要 LibTorch）并安装在 wring 旁边"};
  return check;
}

Check libtorch_check(const MachineFacts& facts) {
  Check check{"libtorch", {"LibTorch", "LibTorch"}, CheckState::good, {}, {}, {}};
  if (facts.engine) {
    const EngineFacts& engine = *facts.engine;
    check.found = {"{} ({})", "{}（{}）", engine.libtorch,
                   engine.cuda ? Text{"with CUDA", "含 CUDA"} : Text{"without CUDA", "不含 CUDA"}};
    return check;
  }
  check.state = CheckState::missing;
  check.means = kNothingComputes;
  if (!facts.wring_train) {
    check.found = {"not asked: wring-train is what loads it", "未检查：由 wring-train 加载"};
    check.cure = {"get wring-train first", "请先安装 wring-train"};
    return check;
  }
  check.found = {"wring-train does not start: {}", "wring-train 无法启动：{}", facts.engine_problem};
  check.cure = {
      "install the torch that it was built with (scripts/setup.sh), or build it again for the torch that is there",
      "请安装构建时所用的 torch（scripts/setup.sh），或针对现有的 torch 重新构建"};
  return check;
}

std::string card_list(const std::vector<Gpu>& gpus) {
  std::string list;
  for (const Gpu& gpu : gpus) {
    if (!list.empty()) list += "; ";
    list += fmt::format("{}: {}", gpu.index, gpu.name.empty() ? "?" : gpu.name);
    if (gpu.memory_total_mib) list += fmt::format(", {:.1f} GiB", gib(*gpu.memory_total_mib));
  }
  return list;
}

Check gpu_check(const MachineFacts& facts, bool needs_gpu) {
  Check check{"gpu", {"GPU", "GPU"}, CheckState::good, {}, {}, {}};
  const std::vector<Gpu>& gpus = facts.gpus.gpus;
  const int shown_to_cuda = facts.engine ? facts.engine->gpus : 0;
  if (gpus.empty() && shown_to_cuda == 0) {
    check.state = needs_gpu ? CheckState::missing : CheckState::warning;
    check.found = {"none", "无"};
    check.means = {"training runs on the CPU, tens to hundreds of times slower", "将在 CPU 上训练，慢几十到几百倍"};
    if (!facts.gpus.problems.empty()) check.cure = facts.gpus.problems.front().cure;
    return check;
  }
  check.found = gpus.empty() ? Text{"{} shown by CUDA", "CUDA 可见 {} 块", shown_to_cuda} : Text(card_list(gpus));
  const auto bad = std::ranges::find_if(gpus, [](const Gpu& gpu) { return gpu.problem.has_value(); });
  if (bad != gpus.end()) {
    check.state = CheckState::warning;
    check.means = {"GPU {}: {}", "GPU {}：{}", bad->index, bad->problem->what};
    check.cure = bad->problem->cure;
  }
  return check;
}

Check driver_check(const MachineFacts& facts) {
  Check check{"driver", {"driver", "驱动"}, CheckState::good, {}, {}, {}};
  if (!facts.gpus.driver_version.empty()) {
    check.found = facts.gpus.driver_version;
    return check;
  }
  check.state = facts.gpus.gpus.empty() ? CheckState::note : CheckState::warning;
  check.found = {"no version could be read", "无法读取版本"};
  if (!facts.gpus.problems.empty()) check.cure = facts.gpus.problems.front().cure;
  return check;
}

Check nvml_check(const MachineFacts& facts) {
  Check check{"nvml", {"NVML", "NVML"}, CheckState::good, {}, {}, {}};
  if (facts.gpus.source == GpuSource::nvml) {
    check.found = {"answers", "正常"};
    return check;
  }
  const bool smi = facts.gpus.source == GpuSource::nvidia_smi;
  check.state = smi || facts.engine.value_or(EngineFacts{}).gpus > 0 ? CheckState::warning : CheckState::note;
  check.found = facts.gpus.problems.empty() ? Text{"does not answer", "无响应"} : facts.gpus.problems.front().what;
  check.means =
      smi ? Text{"the monitor reads nvidia-smi instead: slower, without SM and tensor activity",
                 "监控改为读取 nvidia-smi：较慢，且没有 SM 和 Tensor 活动率"}
          : Text{"GPUs cannot be watched, and plans are made in basic mode", "无法监控 GPU，规划使用基础优化模式"};
  if (!facts.gpus.problems.empty()) check.cure = facts.gpus.problems.front().cure;
  return check;
}

// What keeps a present card from computing, worst first.
Check cuda_check(const MachineFacts& facts, bool needs_gpu) {
  Check check{"cuda", {"CUDA", "CUDA"}, CheckState::good, {}, {}, {}};
  const EngineFacts engine = facts.engine.value_or(EngineFacts{});
  const bool card = !facts.gpus.gpus.empty() || engine.gpus > 0;
  const CheckState bad = needs_gpu ? CheckState::missing : card ? CheckState::warning : CheckState::note;
  const auto fails = [&](Text means, Text cure) {
    check.state = bad;
    check.means = std::move(means);
    check.cure = std::move(cure);
  };
  const Text cpu_only{"training runs on the CPU", "将在 CPU 上训练"};
  const std::string runtime = engine.cuda_runtime.value_or("?");
  check.found = engine.cuda_driver
                    ? Text{"runtime {}, driver up to {}", "运行时 {}，驱动最高支持 {}", runtime, *engine.cuda_driver}
                    : Text{"runtime {}, no driver", "运行时 {}，没有驱动", runtime};
  if (!facts.engine) {
    check.state = CheckState::note;
    check.found = {"not asked: wring-train answers for it", "未检查：由 wring-train 回答"};
  } else if (!engine.cuda) {
    check.found = {"this LibTorch was built without it", "此 LibTorch 不含 CUDA"};
    fails(cpu_only,
          {"build against a torch with CUDA (scripts/setup.sh)", "请使用带 CUDA 的 torch 构建（scripts/setup.sh）"});
  } else if (engine.gpus == 0) {
    fails({"CUDA shows no GPU: {}", "CUDA 未发现 GPU：{}", cpu_only},
          {"check that the driver is not older than the CUDA above, CUDA_VISIBLE_DEVICES, and the container's access",
           "请检查驱动版本是否低于上述 CUDA、CUDA_VISIBLE_DEVICES 以及容器的访问权限"});
  } else if (engine.gpu_problem) {
    check.state = CheckState::missing;  // train would choose the GPU and fail on it
    check.means = {"the GPU does not compute: " + *engine.gpu_problem, "GPU 无法计算：" + *engine.gpu_problem};
    check.cure = {"update the driver, or use a torch whose CUDA supports this card; --device cpu trains meanwhile",
                  "请更新驱动，或使用支持该卡的 torch；期间可用 --device cpu 训练"};
  } else if (!engine.kernels) {
    check.state = CheckState::warning;
    check.means = {"wring-train was built without its own kernels: it trains on the GPU, but not at full speed",
                   "wring-train 构建时未包含自有内核：可在 GPU 上训练，但达不到全速"};
    check.cure = {"build it where nvcc is installed (make build)", "请在装有 nvcc 的机器上构建（make build）"};
  }
  return check;
}

Check library_check(const std::string& id, const Text& name, const std::optional<std::string>& version,
                    const MachineFacts& facts, bool needed, const Text& means) {
  Check check{id, name, CheckState::good, {}, {}, {}};
  if (version) {
    check.found = *version;
    return check;
  }
  check.state = needed ? CheckState::warning : CheckState::note;
  check.found =
      facts.engine ? Text{"none", "无"} : Text{"not asked: wring-train answers for it", "未检查：由 wring-train 回答"};
  check.means = needed ? means : Text{"not needed here", "此处不需要"};
  if (needed) check.cure = {"install the torch wheel with CUDA, which brings it", "请安装带 CUDA 的 torch，其中已包含"};
  return check;
}

Check cpu_check(const MachineFacts& facts) {
  Check check{"cpu", {"CPU", "CPU"}, CheckState::good, {}, {}, {}};
  check.found = {"{} of {} cores usable", "{} 个核心可用（共 {} 个）", facts.cores, facts.cores_online};
  if (facts.core_quota) {
    check.found += Text(", quota {:g}", "，配额 {:g}", *facts.core_quota);
  }
  if (facts.cores >= kFewCores) return check;
  check.state = CheckState::warning;
  check.means = {"few workers can prepare images; the GPU may wait for them where the images do not fit into memory",
                 "可用于准备图像的线程很少；图像无法全部放入内存时 GPU 可能等待"};
  if (facts.cores < facts.cores_online) {
    check.cure = {"give the container or job more cores (docker run --cpus, Slurm --cpus-per-task)",
                  "请给容器或作业分配更多核心（docker run --cpus、Slurm --cpus-per-task）"};
  }
  return check;
}

Check memory_check(const MachineFacts& facts) {
  Check check{"memory", {"memory", "内存"}, CheckState::good, {}, {}, {}};
  if (!facts.memory_mib) {
    check.state = CheckState::note;
    check.found = {"unknown", "未知"};
    return check;
  }
  const std::int64_t usable = facts.memory_limit_mib.value_or(*facts.memory_mib);
  check.found = {"{:.1f} GiB", "{:.1f} GiB", gib(*facts.memory_mib)};
  if (facts.memory_limit_mib) {
    check.found += Text(", limited to {:.1f} GiB", "，限制为 {:.1f} GiB", gib(*facts.memory_limit_mib));
  }
  if (facts.memory_available_mib) {
    check.found += Text(", {:.1f} GiB available", "，可用 {:.1f} GiB", gib(*facts.memory_available_mib));
  }
  if (std::min(usable, facts.memory_available_mib.value_or(usable)) >= kLittleMemoryMib) return check;
  check.state = CheckState::warning;
  check.means = {"LibTorch alone takes 2 to 3 GiB; decoded images may not fit, and the system may end the training",
                 "仅 LibTorch 就占用 2–3 GiB；解码后的图像可能放不下，系统可能终止训练"};
  check.cure = {"raise the limit of the container or job, or set data_cache: none and fewer num_workers",
                "请提高容器或作业的内存上限，或设置 data_cache: none 并减少 num_workers"};
  return check;
}

Check shared_memory_check(const MachineFacts& facts) {
  Check check{"shared_memory", {"/dev/shm", "/dev/shm"}, CheckState::good, {}, {}, {}};
  check.found = facts.shared_memory_mib ? Text{"{} MiB, {} MiB free", "{} MiB，空闲 {} MiB", *facts.shared_memory_mib,
                                               facts.shared_memory_free_mib.value_or(0)}
                                        : Text{"none", "无"};
  if (facts.shared_memory_free_mib.value_or(0) >= kLittleSharedMemoryMib) return check;
  const bool several = facts.gpus.gpus.size() > 1;
  check.state = several ? CheckState::warning : CheckState::note;
  check.means = {
      "wring train does without; PyTorch programs with workers, and NCCL between GPUs, fail with a bus error",
      "wring train 不依赖它；但带 worker 的 PyTorch 程序以及多 GPU 的 NCCL 会因总线错误失败"};
  check.cure = {"docker run --shm-size=8g (or --ipc=host)", "docker run --shm-size=8g（或 --ipc=host）"};
  return check;
}

Check disk_check(const MachineFacts& facts) {
  Check check{"disk", {"disk", "磁盘"}, CheckState::good, {}, {}, {}};
  const DiskFacts& disk = facts.disk;
  check.found = disk.folder.string();
  const auto add = [&](const Text& more) { check.found.append({", ", "，"}, more); };
  if (disk.free_mib) add({"{:.1f} GiB free", "空闲 {:.1f} GiB", gib(*disk.free_mib)});
  if (disk.write_mib_s) add({"writes {:.0f} MiB/s", "写 {:.0f} MiB/s", *disk.write_mib_s});
  if (disk.read_mib_s) add({"reads {:.0f} MiB/s", "读 {:.0f} MiB/s", *disk.read_mib_s});
  if (!disk.problem.empty()) {
    check.state = CheckState::missing;
    check.means = {"nothing can be written: " + disk.problem, "无法写入：" + disk.problem};
    check.cure = {"make space, mend the permissions, or give another folder (--experiments DIR)",
                  "请释放空间、修正权限，或指定其他文件夹（--experiments DIR）"};
  } else if (disk.free_mib && *disk.free_mib < kLittleDiskMib) {
    check.state = CheckState::warning;
    check.means = {"checkpoints and logs of one run may not fit", "一次训练的检查点和日志可能放不下"};
    check.cure = {"make space, or give another folder (--experiments DIR)",
                  "请释放空间，或指定其他文件夹（--experiments DIR）"};
  } else if (std::min(disk.write_mib_s.value_or(1e9), disk.read_mib_s.value_or(1e9)) < kSlowDiskMibS) {
    check.state = CheckState::warning;
    check.means = {"checkpoints take seconds, and images read from here may keep the GPU waiting",
                   "保存检查点需要数秒，从此处读取图像可能让 GPU 等待"};
    check.cure = {"keep images and experiments on a local SSD", "请将图像和实验放在本地 SSD 上"};
  }
  return check;
}

Check locale_check(const MachineFacts& facts) {
  Check check{"locale", {"locale", "区域设置"}, CheckState::good, {}, {}, {}};
  check.found = facts.locale.empty() ? Text{"none set", "未设置"} : Text(facts.locale);
  if (facts.utf8) return check;
  check.state = CheckState::note;
  check.means = {
      "not UTF-8: messages are in English, signs are replaced by ASCII, and the live view draws without lines",
      "不是 UTF-8：消息使用英文，符号以 ASCII 代替，实时界面不绘制线条"};
  check.cure = {"export LC_ALL=C.UTF-8", "export LC_ALL=C.UTF-8"};
  return check;
}

}  // namespace

std::string_view state_name(CheckState state) {
  switch (state) {
    case CheckState::good:
      return "good";
    case CheckState::note:
      return "note";
    case CheckState::warning:
      return "warning";
    case CheckState::missing:
      break;
  }
  return "missing";
}

std::vector<Check> check_machine(const MachineFacts& facts, bool needs_gpu) {
  const EngineFacts engine = facts.engine.value_or(EngineFacts{});
  return {program_check(facts),
          libtorch_check(facts),
          gpu_check(facts, needs_gpu),
          driver_check(facts),
          nvml_check(facts),
          cuda_check(facts, needs_gpu),
          library_check(
              "cudnn", "cuDNN", engine.cudnn, facts, engine.gpus > 0,
              {"convolutions on the GPU run several times slower, or not at all", "GPU 卷积会慢数倍，甚至无法运行"}),
          library_check("nccl", "NCCL", engine.nccl, facts, engine.gpus > 1,
                        {"several GPUs cannot train together", "多块 GPU 无法协同训练"}),
          cpu_check(facts),
          memory_check(facts),
          shared_memory_check(facts),
          disk_check(facts),
          locale_check(facts)};
}

bool can_train(const std::vector<Check>& checks) {
  return std::ranges::none_of(checks, [](const Check& check) { return check.state == CheckState::missing; });
}

bool trains_on_gpu(const MachineFacts& facts) {
  return facts.engine && facts.engine->cuda && facts.engine->gpus > 0 && !facts.engine->gpu_problem;
}

}  // namespace wring

#include "wring/gpu/nvml/missing_util.h"

#include <fstream>
#include <string>

#include <fmt/format.h>

#include "wring/gpu/nvml/errors.h"

namespace wring {

const GpuProblem kMigCardHasNoUtil{
    {"MIG is on, and a card that is cut into instances has no GPU-Util", "已启用 MIG，被划分为实例的显卡没有GPU利用率"},
    {"look at the SM activity of its instances (Hopper and later), or at the program itself",
     "请看各实例的SM活跃度（Hopper 及以后），或查看程序本身"},
    nvml::kNotSupported};

const GpuProblem kMigInstanceHasNoUtil{{"a MIG instance has no GPU-Util", "MIG 实例没有GPU利用率"},
                                       {"look at its SM activity (Hopper and later), or at the program itself",
                                        "请看其SM活跃度（Hopper 及以后），或查看程序本身"},
                                       nvml::kNotSupported};

const GpuProblem kWslHasNoUtil{{"under WSL2 the driver does not report GPU-Util", "WSL2 下驱动不提供GPU利用率"},
                               {"nvidia-smi.exe on Windows shows it", "可在 Windows 上运行 nvidia-smi.exe 查看"},
                               nvml::kNotSupported};

bool under_wsl(const std::filesystem::path& root) {
  std::ifstream in(root / "proc/version");
  std::string line;
  std::getline(in, line);
  return line.find("icrosoft") != std::string::npos;  // "-microsoft-standard-WSL2", older "-Microsoft"
}

GpuProblem why_no_gpu_util(const Gpu& gpu, const Reading& reading) {
  if (gpu.no_util) return *gpu.no_util;
  if (reading.state == Reading::State::not_supported) {
    return {{"the driver does not report GPU-Util for this card", "驱动不提供此卡的GPU利用率"},
            {"a newer driver may; nvidia-smi shows no more", "可尝试更新驱动；nvidia-smi 也不会显示更多"},
            nvml::kNotSupported};
  }
  if (reading.code == Reading::kRejected) {
    return {{"the driver's answers for GPU-Util cannot be (above 100 %)", "驱动返回的GPU利用率不合理（超过 100%）"},
            {"update the NVIDIA driver", "请更新 NVIDIA 驱动"},
            0};
  }
  const nvml::ErrorRow& row = nvml::error_row(reading.code);
  return {{"GPU-Util: {} (code {})", "GPU利用率：{}（代码 {}）", row.message, reading.code}, row.cure, reading.code};
}

}  // namespace wring

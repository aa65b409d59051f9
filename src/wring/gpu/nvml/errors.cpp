#include "wring/gpu/nvml/errors.h"

#include <algorithm>
#include <vector>

namespace wring::nvml {
namespace {

const Text kReportBug{"run the command again; if it stays, report it with the output of nvidia-smi -q",
                      "请重试；若仍出现，请附上 nvidia-smi -q 的输出反馈问题"};
const Text kUpdateDriver{"update the NVIDIA driver", "请更新 NVIDIA 驱动"};
const Text kNotOnThisCard{"this card or driver cannot do it; nothing needs to be done",
                          "此显卡或驱动不支持该功能，无需处理"};
const Text kGiveAccess{
    "join the group that owns /dev/nvidia*, or start the container or job with access to the GPUs (docker "
    "run --gpus all)",
    "请加入 /dev/nvidia* 所属的用户组，或让容器、作业获得 GPU 访问权限（docker run --gpus all）"};
const Text kFreeMemory{"free some memory or end other GPU programs, then run the command again",
                       "请释放内存或结束其他 GPU 程序后重试"};

const std::vector<ErrorRow>& table() {
  static const std::vector<ErrorRow> rows = {
      {1, {"NVML was not initialised", "NVML 未初始化"}, kReportBug},
      {2, {"invalid argument", "参数无效"}, kReportBug},
      {3, {"not supported", "不支持"}, kNotOnThisCard},
      {4, {"no permission", "没有权限"}, kGiveAccess},
      {5, {"NVML was already initialised", "NVML 已经初始化"}, kReportBug},
      {6,
       {"not found", "未找到"},
       {"check with nvidia-smi -L that the card is listed", "请用 nvidia-smi -L 确认显卡已列出"}},
      {7, {"a buffer was too small", "缓冲区太小"}, kReportBug},
      {8,
       {"the card does not get enough power", "显卡供电不足"},
       {"connect the card's external power cables", "请接好显卡的外接供电线"}},
      {9,
       {"the NVIDIA driver is not loaded", "NVIDIA 驱动未加载"},
       {"load it (sudo modprobe nvidia), or install the driver and reboot",
        "请加载驱动（sudo modprobe nvidia），或安装驱动后重启"}},
      {10,
       {"the driver did not answer in time", "驱动未在时限内响应"},
       {"look for Xid lines in dmesg; reboot when the driver stays silent",
        "请在 dmesg 中查看 Xid 信息；若驱动一直无响应，请重启"}},
      {11,
       {"the card's interrupts do not arrive", "显卡的中断无法送达"},
       {"look at dmesg for interrupt errors, reboot, and check the card's slot",
        "请在 dmesg 中查看中断错误，重启并检查显卡插槽"}},
      {12,
       {"the library libnvidia-ml.so.1 was not found", "找不到 libnvidia-ml.so.1"},
       {"install the NVIDIA driver; in a container, start it with access to the GPUs (docker run --gpus all)",
        "请安装 NVIDIA 驱动；在容器中请以 GPU 权限启动（docker run --gpus all）"}},
      {13, {"the driver's library lacks a needed function", "驱动库缺少所需的函数"}, kUpdateDriver},
      {14,
       {"the card's infoROM is damaged", "显卡的 infoROM 已损坏"},
       {"the card works on, but ask its vendor for a repair", "显卡仍可工作，但请联系厂商维修"}},
      {15,
       {"the GPU has fallen off the bus", "GPU 已从总线上丢失"},
       {"look for Xid 79 in dmesg, then reboot; if it comes back, check power, cooling and the slot",
        "请在 dmesg 中查找 Xid 79，然后重启；若再次出现，请检查供电、散热和插槽"}},
      {16,
       {"the GPU must be reset before it can be used again", "GPU 需要复位后才能使用"},
       {"end the programs that use it, then run sudo nvidia-smi --gpu-reset -i INDEX, or reboot",
        "请结束使用它的程序，然后运行 sudo nvidia-smi --gpu-reset -i 编号，或重启"}},
      {17, {"blocked by the operating system or its cgroups", "被操作系统或 cgroup 阻止"}, kGiveAccess},
      {18,
       {"the driver's library and the loaded kernel module have different versions",
        "驱动库与已加载的内核模块版本不一致"},
       {"the driver was updated while it was in use: reboot, or reload the nvidia kernel modules",
        "驱动在使用中被更新：请重启，或重新加载 nvidia 内核模块"}},
      {19,
       {"the GPU is in use", "GPU 正在使用中"},
       {"wait for the other program, or end it (nvidia-smi shows it)", "请等待或结束另一个程序（nvidia-smi 可查看）"}},
      {20, {"not enough memory", "内存不足"}, kFreeMemory},
      {21, {"there is no data", "没有数据"}, {"run the command again after a moment", "请稍后重试"}},
      {22, {"not supported while ECC is on for vGPU", "vGPU 开启 ECC 时不支持"}, kNotOnThisCard},
      {23, {"not enough resources", "资源不足"}, kFreeMemory},
      {24, {"the clock frequency is not supported", "不支持该时钟频率"}, kNotOnThisCard},
      {25, {"the driver does not know this version of an argument", "驱动不认识该参数版本"}, kUpdateDriver},
      {26, {"the function is no longer offered by the driver", "驱动已不再提供该函数"}, kReportBug},
      {27, {"the GPU is not ready", "GPU 尚未就绪"}, {"run the command again after a moment", "请稍后重试"}},
      {28,
       {"no GPU was found", "未找到 GPU"},
       {"check that the card is seated and that lspci lists it", "请检查显卡是否插好、lspci 是否列出"}},
      {29,
       {"the GPU is in a state that does not allow this", "GPU 当前状态不允许此操作"},
       {"reset the GPU (sudo nvidia-smi --gpu-reset) or reboot", "请复位 GPU（sudo nvidia-smi --gpu-reset）或重启"}},
      {999,
       {"unknown error of the driver", "驱动返回未知错误"},
       {"look at dmesg for NVRM and Xid lines; a reboot often helps",
        "请在 dmesg 中查看 NVRM 与 Xid 信息；重启往往有效"}},
  };
  return rows;
}

}  // namespace

std::span<const ErrorRow> error_rows() {
  return table();
}

const ErrorRow& error_row(int code) {
  const auto& rows = table();
  const auto found = std::find_if(rows.begin(), rows.end(), [&](const ErrorRow& row) { return row.code == code; });
  return found != rows.end() ? *found : rows.back();
}

}  // namespace wring::nvml

#include "wring/gpu/metrics.h"

#include <cmath>

namespace wring {
namespace {

constexpr double kBytesPerMib = 1024.0 * 1024.0;
constexpr double kRatioPerPercent = 0.01;
constexpr double kHertzPerMhz = 1e6;

using enum Metric;
using enum MetricKind;

const std::array<MetricRow, kMetricCount>& table() {
  static const std::array<MetricRow, kMetricCount> rows = {{
      {gpu_util,
       share,
       "gpu_util",
       "utilization.gpu [%]",
       "%",
       kRatioPerPercent,
       "utilization_ratio",
       {"GPU-Util", "GPU利用率"},
       {"share of the last sixth of a second to a second in which at least one kernel ran or a copy moved; one "
        "busy thread, or a collective that waits, makes it 100 %, so it says that the GPU was not idle and not how "
        "full it was",
        "过去约 1/6 至 1 秒内至少有一个核函数或拷贝在执行的时间占比；单个线程或处于等待的集合通信也能使其达到 "
        "100%，它只说明 GPU 没有空闲，不代表 GPU 被充分利用"}},
      {memory_util,
       share,
       "memory_util",
       "utilization.memory [%]",
       "%",
       kRatioPerPercent,
       "memory_utilization_ratio",
       {"memory busy", "显存读写占比"},
       {"share of the same window in which device memory was read or written; not how full it is, and not how much of "
        "its bandwidth was used",
        "同一时间窗口内显存处于读写状态的时间占比；不是显存占用多少，也不是带宽用了多少"}},
      {memory_used,
       level,
       "memory_used_mib",
       "memory.used [MiB]",
       "MiB",
       kBytesPerMib,
       "memory_used_bytes",
       {"memory used", "显存使用"},
       {"device memory that programs have allocated, without what the driver reserves for itself; an allocator's cache "
        "counts as used, so a training program rarely gives any back",
        "程序已分配的显存，不含驱动自身保留的部分；框架的缓存分配器所持有的空闲块也计入其中"}},
      {memory_reserved,
       level,
       "memory_reserved_mib",
       "memory.reserved [MiB]",
       "MiB",
       kBytesPerMib,
       "memory_reserved_bytes",
       {"memory reserved", "驱动保留显存"},
       {"device memory that the driver and the firmware keep for themselves; no program can have it",
        "驱动和固件自身保留的显存，任何程序都无法使用"}},
      {memory_total,
       level,
       "memory_total_mib",
       "memory.total [MiB]",
       "MiB",
       kBytesPerMib,
       "memory_total_bytes",
       {"memory total", "显存总量"},
       {"all device memory, the reserved part included", "全部显存，含保留部分"}},
      {power,
       level,
       "power_w",
       "power.draw [W]",
       "W",
       1,
       "power_watts",
       {"power", "功耗"},
       {"electrical power of the whole card, on Ampere (except GA100) and later as the driver's average over one "
        "second; "
        "for the energy of a run use the energy counter",
        "整卡功耗；Ampere（GA100 除外）及以后为驱动的 1 秒平均值；统计一次运行的能耗应使用能耗计数器"}},
      {power_limit,
       level,
       "power_limit_w",
       "enforced.power.limit [W]",
       "W",
       1,
       "power_limit_watts",
       {"power limit", "功耗上限"},
       {"power above which the driver lowers the clocks: the lowest of all limits in force",
        "超过该功耗时驱动会降低频率；为当前生效的各上限中最低的一个"}},
      {energy,
       counter,
       "energy_j",
       "energy.total [J]",
       "J",
       1,
       "energy_joules_total",
       {"energy", "能耗"},
       {"energy since the driver was loaded (Volta and later); only differences mean anything",
        "自驱动加载以来的累计能耗（Volta 及以后）；只有差值有意义"}},
      {temperature,
       level,
       "temperature_c",
       "temperature.gpu",
       "°C",
       1,
       "temperature_celsius",
       {"temperature", "温度"},
       {"temperature of the GPU's die; the memory's own can be higher", "GPU 核心温度；显存温度可能更高"}},
      {memory_temperature,
       level,
       "memory_temperature_c",
       "temperature.memory",
       "°C",
       1,
       "memory_temperature_celsius",
       {"memory temperature", "显存温度"},
       {"temperature of the device memory, on cards with HBM or a sensor of its own",
        "显存温度（HBM 或带独立传感器的显卡）"}},
      {sm_clock,
       level,
       "sm_clock_mhz",
       "clocks.current.sm [MHz]",
       "MHz",
       kHertzPerMhz,
       "sm_clock_hertz",
       {"SM clock", "SM频率"},
       {"clock of the multiprocessors at this moment; why it is low is in the throttle reasons",
        "流多处理器当前频率；频率低的原因见降频原因"}},
      {memory_clock,
       level,
       "memory_clock_mhz",
       "clocks.current.memory [MHz]",
       "MHz",
       kHertzPerMhz,
       "memory_clock_hertz",
       {"memory clock", "显存频率"},
       {"clock of the device memory at this moment", "显存当前频率"}},
      {pcie_rx,
       rate,
       "pcie_rx_mib_s",
       "pcie.rx [MiB/s]",
       "MiB/s",
       kBytesPerMib,
       "pcie_receive_bytes_per_second",
       {"PCIe received", "PCIe接收"},
       {"bytes per second that the card received over PCIe: copies from the host to the card, with the protocol's own "
        "traffic",
        "显卡经 PCIe 接收的速率，即主机到显卡的拷贝，含协议自身的流量"}},
      {pcie_tx,
       rate,
       "pcie_tx_mib_s",
       "pcie.tx [MiB/s]",
       "MiB/s",
       kBytesPerMib,
       "pcie_transmit_bytes_per_second",
       {"PCIe sent", "PCIe发送"},
       {"bytes per second that the card sent over PCIe: copies from the card to the host, with the protocol's own "
        "traffic",
        "显卡经 PCIe 发送的速率，即显卡到主机的拷贝，含协议自身的流量"}},
      {nvlink_rx,
       rate,
       "nvlink_rx_mib_s",
       "nvlink.rx [MiB/s]",
       "MiB/s",
       kBytesPerMib,
       "nvlink_receive_bytes_per_second",
       {"NVLink received", "NVLink接收"},
       {"payload per second received over all NVLinks together", "经全部 NVLink 接收的有效数据速率"}},
      {nvlink_tx,
       rate,
       "nvlink_tx_mib_s",
       "nvlink.tx [MiB/s]",
       "MiB/s",
       kBytesPerMib,
       "nvlink_transmit_bytes_per_second",
       {"NVLink sent", "NVLink发送"},
       {"payload per second sent over all NVLinks together", "经全部 NVLink 发送的有效数据速率"}},
      {ecc_uncorrected,
       counter,
       "ecc_uncorrected",
       "ecc.errors.uncorrected.volatile.total",
       "",
       1,
       "ecc_uncorrected_errors_total",
       {"uncorrected ECC errors", "不可纠正ECC错误"},
       {"memory errors since the driver was loaded that ECC could not repair; any growth spoils results",
        "自驱动加载以来 ECC 无法纠正的内存错误数；只要增长，计算结果就不可信"}},
      {sm_activity,
       share,
       "sm_activity",
       "sm.activity [%]",
       "%",
       kRatioPerPercent,
       "sm_activity_ratio",
       {"SM activity", "SM活跃度"},
       {"share of the multiprocessors' cycles in which at least one warp was resident, averaged over all of them "
        "(GPM, Hopper and later); the honest form of GPU-Util, since one busy multiprocessor of many counts as one",
        "全部流多处理器的周期中至少驻留一个线程束的占比（GPM，Hopper 及以后）；比 GPU 利用率真实，"
        "因为只忙一个多处理器时只算一个"}},
      {sm_occupancy,
       share,
       "sm_occupancy",
       "sm.occupancy [%]",
       "%",
       kRatioPerPercent,
       "sm_occupancy_ratio",
       {"SM occupancy", "SM占用率"},
       {"resident warps over the most that fit; matrix kernels run at full speed with little of it",
        "驻留线程束数与上限之比；矩阵类核函数在占用率很低时也能全速运行"}},
      {tensor_activity,
       share,
       "tensor_activity",
       "tensor.activity [%]",
       "%",
       kRatioPerPercent,
       "tensor_activity_ratio",
       {"tensor activity", "张量核心活跃度"},
       {"share of cycles in which the tensor pipes were busy; the nearest reading to model FLOPs utilisation, but per "
        "cycle, so a lowered clock does not lower it",
        "张量核心流水线处于工作状态的周期占比；最接近 MFU 的读数，但按周期计，降频不会使其下降"}},
      {dram_activity,
       share,
       "dram_activity",
       "dram.activity [%]",
       "%",
       kRatioPerPercent,
       "dram_activity_ratio",
       {"DRAM activity", "显存带宽利用率"},
       {"device memory traffic over the most that the memory can move; above about 70 % the memory is the limit",
        "显存实际流量与带宽上限之比；超过约 70% 时显存带宽就是瓶颈"}},
      {fp64_activity,
       share,
       "fp64_activity",
       "fp64.activity [%]",
       "%",
       kRatioPerPercent,
       "fp64_activity_ratio",
       {"FP64 activity", "FP64活跃度"},
       {"share of cycles in which the FP64 pipe was busy, tensor cores not counted",
        "FP64 流水线处于工作状态的周期占比，不含张量核心"}},
      {fp32_activity,
       share,
       "fp32_activity",
       "fp32.activity [%]",
       "%",
       kRatioPerPercent,
       "fp32_activity_ratio",
       {"FP32 activity", "FP32活跃度"},
       {"share of cycles in which the FP32 pipe was busy, tensor cores not counted; high beside low tensor activity: "
        "the model does not use the tensor cores",
        "FP32 流水线处于工作状态的周期占比，不含张量核心；此值高而张量核心活跃度低，说明模型没有用上张量核心"}},
      {fp16_activity,
       share,
       "fp16_activity",
       "fp16.activity [%]",
       "%",
       kRatioPerPercent,
       "fp16_activity_ratio",
       {"FP16 activity", "FP16活跃度"},
       {"share of cycles in which the FP16 pipe was busy, tensor cores not counted",
        "FP16 流水线处于工作状态的周期占比，不含张量核心"}},
  }};
  return rows;
}

}  // namespace

std::span<const MetricRow> metric_rows() {
  return table();
}

const MetricRow& metric_row(Metric metric) {
  return table()[static_cast<std::size_t>(metric)];
}

bool is_possible(Metric metric, double value) {
  if (!std::isfinite(value)) return false;
  const auto between = [value](double low, double high) { return value >= low && value <= high; };
  switch (metric) {
    case memory_total:
      return value > 0 && value <= kMostMemoryMib;
    case memory_used:
    case memory_reserved:
      return between(0, kMostMemoryMib);
    case energy:
      return between(0, 1e13);  // 20 kW over sixteen years
    case ecc_uncorrected:
      return between(0, 1e15);
    case power:
    case power_limit:
      return between(0, 20e3);
    case temperature:
    case memory_temperature:
      return between(-60, 250);
    case sm_clock:
    case memory_clock:
      return between(0, 50e3);
    default:
      break;
  }
  switch (metric_row(metric).kind) {
    case share:
      return between(0, 100);
    case rate:
      return between(0, 8.0 * 1024 * 1024);  // 8 TiB/s, above NVLink's fifth generation
    case level:
    case counter:
      return value >= 0;
  }
  return false;
}

std::optional<double> plausible(const MetricRow& row, const Reading& reading) {
  constexpr double kRounding = 0.5;  // per cent
  if (!reading.ok()) return std::nullopt;
  if (row.kind == MetricKind::share && reading.value > 100 && reading.value <= 100 + kRounding) return 100.0;
  return is_possible(row.metric, reading.value) ? std::optional(reading.value) : std::nullopt;
}

void reject_contradictions(Readings& values) {
  const auto at = [&](Metric metric) -> Reading& { return values[static_cast<std::size_t>(metric)]; };
  const Reading& total = at(memory_total);
  for (const Metric part : {memory_used, memory_reserved}) {
    if (total.ok() && at(part).ok() && at(part).value > total.value) at(part) = Reading::failed(Reading::kRejected);
  }
}

}  // namespace wring

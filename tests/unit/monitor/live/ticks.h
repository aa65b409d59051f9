#pragma once
#include <string>
#include <vector>

#include "wring/monitor/live/model.h"

namespace wring::testing_support {

// Cards and ticks as a busy machine gives them.
inline std::vector<Gpu> cards(int count) {
  std::vector<Gpu> gpus;
  for (int i = 0; i < count; ++i) {
    Gpu gpu;
    gpu.index = i;
    gpu.name = "NVIDIA H200";
    gpu.memory_total_mib = 143771;
    gpus.push_back(gpu);
  }
  return gpus;
}

inline GpuSample busy_sample(double time_s) {
  GpuSample sample;
  sample.time_s = time_s;
  const std::pair<Metric, double> values[] = {
      {Metric::gpu_util, 87},        {Metric::memory_used, 9626}, {Metric::memory_reserved, 612},
      {Metric::memory_total, 81920}, {Metric::power, 548},        {Metric::power_limit, 700},
      {Metric::temperature, 62},     {Metric::sm_clock, 1830},    {Metric::memory_clock, 3201},
      {Metric::pcie_rx, 1310},       {Metric::pcie_tx, 33},       {Metric::nvlink_rx, 0},
      {Metric::nvlink_tx, 2},        {Metric::sm_activity, 48},   {Metric::tensor_activity, 14},
      {Metric::dram_activity, 33},   {Metric::sm_occupancy, 21},
  };
  for (const auto& [metric, value] : values) sample[metric] = Reading::of(value);
  sample.processes = {{4711, "python3 train.py", 8192, 85.0}, {815, "", std::nullopt, std::nullopt}};
  return sample;
}

inline Tick busy_tick(int count, double time_s) {
  Tick tick;
  tick.time_s = time_s;
  tick.interval_s = 1;
  for (int i = 0; i < count; ++i) tick.gpus.push_back({busy_sample(time_s), std::nullopt});
  tick.host = {time_s, 34.0, 99.0, 2.0, 12800, 64000, 120.0};
  return tick;
}

inline live::LiveModel busy_model(int count, int ticks = 30) {
  live::LiveModel model(cards(count));
  for (int i = 0; i < ticks; ++i) model.absorb(busy_tick(count, 1000 + i));
  return model;
}

inline Finding input_bound() {
  Finding verdict;
  verdict.headline = {"input-bound: the GPU waits for data", "输入受限：GPU在等数据"};
  verdict.numbers = {"GPU-Util 43 %, busiest core 99 %", "GPU利用率 43%，最忙核心 99%"};
  verdict.next_step = {"raise num_workers", "增大 num_workers"};
  return verdict;
}

}  // namespace wring::testing_support

#pragma once
#include <string>

#include "unit/monitor/live/ticks.h"
#include "wring/monitor/serve/served_state.h"

namespace wring::testing_support {

inline serve::MonitorFacts facts(int count) {
  serve::MonitorFacts facts;
  facts.version = "0.1.0";
  facts.host_name = "gpu-box";
  facts.source = GpuSource::nvml;
  facts.driver_version = "580.65.06";
  facts.gpus = cards(count);
  for (Gpu& gpu : facts.gpus) gpu.uuid = "GPU-" + std::to_string(gpu.index);
  facts.started_unix_ms = 1'700'000'000'000;
  return facts;
}

inline Tick served_tick(int count, double time_s) {
  Tick tick = busy_tick(count, time_s);
  tick.unix_ms = static_cast<std::int64_t>(time_s * 1000);
  return tick;
}

inline GpuProblem fallen_off() {
  return {{"the GPU has fallen off the bus", "GPU 已掉卡"}, {"reboot", "请重启"}, 15};
}

}  // namespace wring::testing_support

#include <algorithm>

#include <fmt/format.h>

#include "wring/plan/draft.h"
#include "wring/plan/rules/rules.h"

// Every GPU has a training process of its own with num_workers workers; together they share the CPU's cores.
void wring::rules::workers(Draft& draft) {
  const Machine& machine = draft.machine();
  const int gpus = std::max(1, machine.gpus);
  const std::int64_t cores = std::max(1, machine.cpu_cores / gpus);
  const std::int64_t old = draft.config().num_workers;
  const std::int64_t wanted = std::min(std::max(old, draft.target().values.num_workers), cores);
  const Text share = gpus == 1
                         ? Text("{} CPU cores", "{} 个 CPU 核心", cores)
                         : Text("{} CPU cores for each of {} GPUs", "{1} 块 GPU 各分得 {0} 个 CPU 核心", cores, gpus);
  const Text reason =
      wanted > old ? Text("{} workers prepare batches while the GPU computes ({})",
                          "{} 个工作线程在 GPU 计算时准备批次（{}）", wanted, share)
                   : Text("{} workers would only take turns ({})", "{} 个工作线程只会互相等待（{}）", old, share);
  draft.set(&TrainConfig::num_workers, wanted, reason);
}

#include <algorithm>

#include <fmt/format.h>

#include "wring/plan/draft.h"
#include "wring/plan/rules/rules.h"

namespace {

constexpr std::int64_t kPrefetch = 4;  // the guide's; covers a slow image now and then

}  // namespace

void wring::rules::pinned_memory(Draft& draft) {
  draft.set(&TrainConfig::pin_memory, true,
            {"batches in page-locked memory are copied while the GPU computes", "锁页内存中的批次可在 GPU 计算时拷贝"});
  draft.set(&TrainConfig::persistent_workers, true,
            {"workers that stay alive spare their start in every epoch", "保持工作线程存活，省去每个轮次的启动时间"});
  const std::int64_t old = draft.config().prefetch_factor;
  draft.set(&TrainConfig::prefetch_factor, std::max(old, kPrefetch),
            {"{} batches ready per worker instead of {} bridge a slow image",
             "每个工作线程预备 {} 个批次（原为 {}），可缓冲个别读取较慢的图像", kPrefetch, old});
}

#include "wring_train/measure/loader_memory.h"

#include <fmt/format.h>

#include "wring/base/error.h"
#include "wring/tune/host_memory.h"

namespace wring {
namespace {

double gib(double bytes) {
  return bytes / (1024.0 * 1024.0 * 1024.0);
}

}  // namespace

void check_loader_memory(const TrainConfig& config, std::optional<std::int64_t> available_bytes) {
  if (config.num_workers == 0) return;
  const LoaderQueues queues{config.num_workers, config.prefetch_factor,
                            decoded_sample_bytes(config.patch_size, config.scale_factor)};
  const auto largest = host_memory_limit(queues, available_bytes);
  if (!largest || config.batch_size <= *largest) return;
  const double needed = gib(loader_bytes(queues, config.batch_size));
  const double available = gib(static_cast<double>(*available_bytes));
  throw Error(ErrorCode::failed,
              {"{} workers × {} batches ahead × {} patches of {} pixels are {:.1f} GiB of host memory; {:.1f} GiB are "
               "available, of which the queues may take {:.1f}",
               "{} 个工作线程 × 预取 {} 批 × {} 个 {} 像素的图块需要 {:.1f} GiB 内存；可用 {:.1f} GiB，"
               "其中队列最多占用 {:.1f} GiB",
               config.num_workers, config.prefetch_factor, config.batch_size, config.patch_size, needed, available,
               available * kHostShare},
              {"lower prefetch_factor, num_workers or batch_size (at most {} with these workers)",
               "请降低 prefetch_factor、num_workers 或 batch_size（当前工作线程设置下最多 {}）", *largest});
}

}  // namespace wring

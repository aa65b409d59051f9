#include "wring_train/run/loader_memory.h"

#include <algorithm>
#include <fstream>
#include <optional>
#include <string>

#include <fmt/format.h>
#include <unistd.h>

#include "wring/base/control_group.h"
#include "wring/base/error.h"
#include "wring/tune/host_memory.h"

namespace wring {
namespace {

// A line of a file under /proc that gives kibibytes, in bytes.
std::optional<std::int64_t> proc_bytes(const char* file, const std::string& wanted) {
  std::ifstream in(file);
  std::string key;
  for (std::string rest; in >> key; std::getline(in, rest)) {
    std::int64_t kib = 0;
    if (key == wanted && in >> kib) return kib * 1024;
  }
  return std::nullopt;
}

double gib(double bytes) {
  return bytes / (1024.0 * 1024.0 * 1024.0);
}

}  // namespace

std::int64_t available_host_bytes() {
  const std::int64_t half = std::int64_t{sysconf(_SC_PHYS_PAGES)} * sysconf(_SC_PAGESIZE) / 2;
  const std::int64_t available = proc_bytes("/proc/meminfo", "MemAvailable:").value_or(half);
  const std::optional<std::int64_t> limit = control_group_limits().memory_bytes;
  if (!limit) return available;
  const std::int64_t used = proc_bytes("/proc/self/status", "VmRSS:").value_or(0);
  return std::clamp(*limit - used, std::int64_t{0}, available);
}

void check_loader_memory(const TrainConfig& config, std::int64_t available_bytes) {
  if (config.num_workers == 0) return;
  const auto hr = static_cast<double>(config.patch_size);
  const double lr = hr / static_cast<double>(config.scale_factor);
  const LoaderQueues queues{config.num_workers, config.prefetch_factor, 3 * (hr * hr + lr * lr)};  // RGB bytes
  const auto largest = host_memory_limit(queues, available_bytes);
  if (!largest || config.batch_size <= *largest) return;
  const double needed = gib(loader_bytes(queues, config.batch_size));
  const double available = gib(static_cast<double>(available_bytes));
  throw Error(
      ErrorCode::failed,
      {fmt::format(
           "{} workers × {} batches ahead × {} patches of {} pixels are {:.1f} GiB of host memory; {:.1f} GiB are "
           "available, of which the queues may take {:.1f}",
           config.num_workers, config.prefetch_factor, config.batch_size, config.patch_size, needed, available,
           available * kHostShare),
       fmt::format("{} 个工作线程 × 预取 {} 批 × {} 个 {} 像素的图块需要 {:.1f} GiB 内存；可用 {:.1f} GiB，"
                   "其中队列最多占用 {:.1f} GiB",
                   config.num_workers, config.prefetch_factor, config.batch_size, config.patch_size, needed, available,
                   available * kHostShare)},
      {fmt::format("lower prefetch_factor, num_workers or batch_size (at most {} with these workers)", *largest),
       fmt::format("请降低 prefetch_factor、num_workers 或 batch_size（当前工作线程设置下最多 {}）", *largest)});
}

}  // namespace wring

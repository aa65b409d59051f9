#include "wring/gpu/host.h"

#include <algorithm>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <utility>

#include "wring/base/system_memory.h"
#include "wring/gpu/telemetry.h"

namespace wring {
namespace {

constexpr std::int64_t kKibPerMib = 1024;
constexpr double kSectorsPerMib = 2048;  // /proc/diskstats counts in 512 bytes whatever the disk's own sector is

// One "cpu" line of /proc/stat, in ticks.
struct CoreTimes {
  std::uint64_t total = 0;
  std::uint64_t idle = 0;  // without iowait
  std::uint64_t iowait = 0;
};

// By name; "cpu" is all cores together. Guest time is part of user time already, so the first eight fields are all.
std::map<std::string, CoreTimes> read_cores(const std::filesystem::path& root) {
  std::map<std::string, CoreTimes> cores;
  std::ifstream in(root / "proc/stat");
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    std::string name;
    std::uint64_t user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, softirq = 0, steal = 0;
    if (!(words >> name) || !name.starts_with("cpu")) continue;
    if (!(words >> user >> nice >> system >> idle)) continue;
    words >> iowait >> irq >> softirq >> steal;
    cores[name] = {user + nice + system + idle + iowait + irq + softirq + steal, idle, iowait};
  }
  return cores;
}

// Idle and iowait may run backwards by a tick (proc(5)); such a step counts as none.
double growth(std::uint64_t before, std::uint64_t now) {
  return now > before ? static_cast<double>(now - before) : 0;
}

struct CoreShares {
  double busy_percent = 0;
  double iowait_percent = 0;
};

std::optional<CoreShares> shares(const CoreTimes& before, const CoreTimes& now) {
  const double total = growth(before.total, now.total);
  if (total <= 0) return std::nullopt;
  const double iowait = std::min(growth(before.iowait, now.iowait), total);
  const double idle = std::min(growth(before.idle, now.idle), total - iowait);
  return CoreShares{100 * (total - idle - iowait) / total, 100 * iowait / total};
}

// Sectors read so far by every physical disk. Partitions, device mapper, RAID and loop devices pass their reads on to
// one, and have no /sys/block/NAME/device.
std::optional<std::uint64_t> read_sectors(const std::filesystem::path& root) {
  std::optional<std::uint64_t> sum;
  std::ifstream in(root / "proc/diskstats");
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    int major = 0, minor = 0;
    std::string name;
    std::uint64_t reads = 0, merged = 0, sectors = 0;
    if (!(words >> major >> minor >> name >> reads >> merged >> sectors)) continue;
    std::error_code ignored;
    if (!std::filesystem::exists(root / "sys/block" / name / "device", ignored)) continue;
    sum = sum.value_or(0) + sectors;
  }
  return sum;
}

}  // namespace

struct HostSampler::CpuTimes {
  double time_s = 0;
  std::map<std::string, CoreTimes> cores;
  std::optional<std::uint64_t> sectors;
};

HostSampler::HostSampler(std::filesystem::path root) : root_(std::move(root)) {}

HostSample HostSampler::sample() {
  auto now = std::make_shared<CpuTimes>();
  now->cores = read_cores(root_);
  now->sectors = read_sectors(root_);
  now->time_s = steady_seconds();

  HostSample sample;
  sample.time_s = now->time_s;
  const SystemMemory memory = system_memory(root_);
  if (memory.total_kib) sample.memory_total_mib = *memory.total_kib / kKibPerMib;
  if (memory.total_kib && memory.available_kib) {
    sample.memory_used_mib = (*memory.total_kib - *memory.available_kib) / kKibPerMib;
  }

  const std::shared_ptr<CpuTimes> before = std::exchange(previous_, now);
  if (before == nullptr) return sample;
  for (const auto& [name, times] : now->cores) {
    const auto old = before->cores.find(name);
    if (old == before->cores.end()) continue;  // the core came online in between
    const auto share = shares(old->second, times);
    if (!share) continue;
    if (name == "cpu") {
      sample.cpu_percent = share->busy_percent;
      sample.iowait_percent = share->iowait_percent;
    } else {
      sample.busiest_core_percent = std::max(sample.busiest_core_percent.value_or(0), share->busy_percent);
    }
  }
  const double elapsed_s = now->time_s - before->time_s;
  if (now->sectors && before->sectors && elapsed_s > 0) {
    sample.disk_read_mib_s = growth(*before->sectors, *now->sectors) / kSectorsPerMib / elapsed_s;
  }
  return sample;
}

}  // namespace wring

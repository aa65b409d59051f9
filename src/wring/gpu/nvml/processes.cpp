#include "wring/gpu/nvml/processes.h"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <limits>
#include <map>

#include "wring/base/display_text.h"
#include "wring/gpu/nvml/errors.h"

namespace wring {
namespace {

constexpr std::uint64_t kBytesPerMib = 1024 * 1024;
constexpr std::uint64_t kUnknownMemory = std::numeric_limits<std::uint64_t>::max();
constexpr auto kMostMemory = static_cast<std::uint64_t>(kMostMemoryMib) * kBytesPerMib;
constexpr std::size_t kMostProcesses = 65536;  // a count above it is garbage

struct RawProcess {
  std::int64_t pid = 0;
  std::uint64_t used_bytes = kUnknownMemory;
};

// Calls `list`, with a larger buffer as long as the driver asks for one: processes start in between.
std::vector<RawProcess> call_list(nvml::Functions::List list, nvml::Device device, std::size_t record) {
  std::vector<RawProcess> processes;
  std::vector<std::byte> buffer;
  unsigned count = 32;
  for (int attempt = 0; attempt < 4; ++attempt) {
    buffer.resize(count * record);
    const int code = nvml::call(list, device, &count, static_cast<void*>(buffer.data()));
    if (code == nvml::kInsufficientSize && count < kMostProcesses) {
      count += 8;
      continue;
    }
    if (code != nvml::kSuccess || count * record > buffer.size()) return processes;
    break;
  }
  for (unsigned i = 0; i < count; ++i) {
    // The first two members are the same in every layout.
    nvml::ProcessInfoV1 info;
    std::memcpy(&info, &buffer[i * record], sizeof info);
    processes.push_back({info.pid, info.used_bytes});
  }
  return processes;
}

// The kernel's number of the first pid namespace (include/linux/proc_ns.h). In another one, pids of the host name other
// programs or none.
bool sees_host_pids(const std::filesystem::path& root) {
  std::error_code error;
  const std::filesystem::path space = std::filesystem::read_symlink(root / "proc/self/ns/pid", error);
  return error || space == "pid:[4026531836]";
}

std::string process_name(const std::filesystem::path& root, std::int64_t pid) {
  std::ifstream in(root / "proc" / std::to_string(pid) / "comm");
  std::string name;
  std::getline(in, name);
  return without_controls(name);
}

}  // namespace

NvmlProcesses::NvmlProcesses(const nvml::Functions& functions, std::filesystem::path root)
    : functions_(functions), root_(std::move(root)) {}

void NvmlProcesses::read(nvml::Device device, double now_s, GpuSample& sample) {
  if (list_pace_.due(now_s)) processes_ = list(device);
  if (utilization_pace_.due(now_s) && !processes_.empty()) read_utilization(device);
  for (GpuProcess& process : processes_) {
    const auto used = sm_util_.find(process.pid);
    if (used != sm_util_.end()) process.sm_util = used->second;
  }
  sample.processes = processes_;
}

// One program may compute, draw, and be a client of MPS at once: it is one program.
std::vector<GpuProcess> NvmlProcesses::list(nvml::Device device) {
  std::map<std::int64_t, std::uint64_t> memory;
  for (const auto list : {functions_.compute_processes, functions_.graphics_processes, functions_.mps_processes}) {
    for (const RawProcess& raw : call_list(list, device, functions_.process_record)) {
      const auto [at, is_new] = memory.try_emplace(raw.pid, raw.used_bytes);
      if (is_new || raw.used_bytes == kUnknownMemory) continue;
      at->second = at->second == kUnknownMemory ? raw.used_bytes : std::max(at->second, raw.used_bytes);
    }
  }
  const bool named = sees_host_pids(root_);
  std::vector<GpuProcess> processes;
  for (const auto& [pid, used_bytes] : memory) {
    GpuProcess& process = processes.emplace_back();
    process.pid = pid;
    if (named) process.name = process_name(root_, pid);
    if (used_bytes <= kMostMemory) process.memory_mib = static_cast<std::int64_t>(used_bytes / kBytesPerMib);
  }
  return processes;
}

// The driver keeps a buffer of samples and gives those since the last one seen. It holds programs that have ended, and
// shares above 100 when they start or end. No sample means no activity or no data; which, the driver does not say.
void NvmlProcesses::read_utilization(nvml::Device device) {
  std::vector<nvml::ProcessUtilization> samples;
  unsigned count = 64;
  int code = nvml::kInsufficientSize;
  for (int attempt = 0; attempt < 3 && code == nvml::kInsufficientSize && count < kMostProcesses; ++attempt) {
    samples.resize(count);
    code = nvml::call(functions_.process_utilization, device, samples.data(), &count, utilization_seen_us_);
  }
  if (code != nvml::kSuccess || count > samples.size()) return sm_util_.clear();
  samples.resize(count);
  std::sort(samples.begin(), samples.end(),
            [](const auto& a, const auto& b) { return a.timestamp_us < b.timestamp_us; });
  sm_util_.clear();
  for (const nvml::ProcessUtilization& sample : samples) {
    if (sample.timestamp_us <= utilization_seen_us_ || sample.sm > 100) continue;
    sm_util_[sample.pid] = sample.sm;  // the newest stays
  }
  if (!samples.empty()) utilization_seen_us_ = std::max(utilization_seen_us_, samples.back().timestamp_us);
}

}  // namespace wring

#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>

namespace wring {

// The computer's memory as /proc/meminfo has it. Absent where it cannot be read. `root` stands before /proc and /sys,
// so that tests bring a recorded machine.
struct SystemMemory {
  std::optional<std::int64_t> total_kib;
  std::optional<std::int64_t> available_kib;  // without swapping
};
SystemMemory system_memory(const std::filesystem::path& root = "/");

// The most that this process has had so far, in memory and of addresses. Absent where /proc does not say.
struct ProcessMemory {
  std::optional<std::int64_t> resident_bytes;
  std::optional<std::int64_t> virtual_bytes;
};
ProcessMemory process_memory_peak(const std::filesystem::path& root = "/");

// What this process can still have without swapping and within the limit of its control groups.
std::optional<std::int64_t> available_memory_bytes(const std::filesystem::path& root = "/");

}  // namespace wring

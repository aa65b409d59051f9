#pragma once
#include <cstdint>
#include <optional>
#include <string_view>

#include "wring/base/error.h"

namespace wring {

// Error{failed}: the host's memory ended. It says how much was asked for, where that is known, the process's limit
// (ulimit -v), where it has one, and its peak so far.
Error memory_ended(std::optional<std::int64_t> asked_bytes, const Text& cure);

// The bytes that LibTorch's allocator for the CPU could not get, by its message: "DefaultCPUAllocator: … you tried to
// allocate 123 bytes". Nothing for other messages.
std::optional<std::int64_t> bytes_denied(std::string_view message);

}  // namespace wring

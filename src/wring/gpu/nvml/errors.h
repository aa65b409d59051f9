#pragma once
#include <span>

#include "wring/base/text.h"

namespace wring::nvml {

inline constexpr int success = 0;
inline constexpr int not_initialized = 1;
inline constexpr int invalid_argument = 2;
inline constexpr int not_supported = 3;
inline constexpr int insufficient_size = 7;
inline constexpr int library_not_found = 12;
inline constexpr int function_not_found = 13;
inline constexpr int corrupted_inforom = 14;
inline constexpr int gpu_is_lost = 15;
inline constexpr int reset_required = 16;
inline constexpr int no_data = 21;
inline constexpr int argument_version_mismatch = 25;
inline constexpr int not_ready = 27;
inline constexpr int gpu_not_found = 28;

// The card or the driver will never answer this: nothing to retry.
constexpr bool is_permanent(int code) {
  return code == not_supported || code == function_not_found || code == argument_version_mismatch;
}

// The card as a whole is gone, whatever was asked.
constexpr bool is_gone(int code) {
  return code == gpu_is_lost || code == reset_required || code == gpu_not_found || code == not_initialized;
}

// What a return code of NVML means, and what a user can do about it.
struct ErrorRow {
  int code = 0;
  Text message;
  Text cure;
};

// Every failure that NVML can return, by code.
std::span<const ErrorRow> error_rows();

// The row of a code; a code newer than the table gets the row of "unknown error" (999).
const ErrorRow& error_row(int code);

}  // namespace wring::nvml

#pragma once
#include <span>

#include "wring/base/text.h"

namespace wring::nvml {

inline constexpr int success = 0;
inline constexpr int library_not_found = 12;
inline constexpr int function_not_found = 13;
inline constexpr int gpu_is_lost = 15;

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

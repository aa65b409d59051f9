#pragma once
#include <span>

#include "wring/base/text.h"

namespace wring::nvml {

inline constexpr int kSuccess = 0;
inline constexpr int kNotInitialized = 1;
inline constexpr int kInvalidArgument = 2;
inline constexpr int kNotSupported = 3;
inline constexpr int kInsufficientSize = 7;
inline constexpr int kLibraryNotFound = 12;
inline constexpr int kFunctionNotFound = 13;
inline constexpr int kCorruptedInforom = 14;
inline constexpr int kGpuIsLost = 15;
inline constexpr int kResetRequired = 16;
inline constexpr int kNoData = 21;
inline constexpr int kArgumentVersionMismatch = 25;
inline constexpr int kNotReady = 27;
inline constexpr int kGpuNotFound = 28;

// The card or the driver will never answer this: nothing to retry.
constexpr bool is_permanent(int code) {
  return code == kNotSupported || code == kFunctionNotFound || code == kArgumentVersionMismatch;
}

// The card as a whole is gone, whatever was asked.
constexpr bool is_gone(int code) {
  return code == kGpuIsLost || code == kResetRequired || code == kGpuNotFound || code == kNotInitialized;
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

#pragma once
#include <cstdint>
#include <optional>

namespace wring {

// A measured value, or why there is none. A missing reading is never 0.
struct Reading {
  enum class State : std::uint8_t { not_supported, ok, error };

  double value = 0;
  State state = State::not_supported;
  int code = 0;  // NVML's return code where state is error, or one of the two below

  static constexpr int kRejected = -1;  // the driver gave a value that cannot be
  static constexpr int kNoData = 21;    // nothing to tell yet: a rate needs two readings. NVML's own code for it

  static Reading of(double value) { return {value, State::ok, 0}; }
  static Reading failed(int code) { return {0, State::error, code}; }

  bool ok() const { return state == State::ok; }
  std::optional<double> optional() const { return ok() ? std::optional(value) : std::nullopt; }
};

}  // namespace wring

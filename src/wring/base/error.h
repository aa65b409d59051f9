#pragma once
#include <exception>
#include <string>

#include "wring/base/text.h"

namespace wring {

// The exit codes of every command.
enum class ErrorCode : int { failed = 1, usage = 2, no_gpu = 3, interrupted = 130 };

// The one exception type: what is wrong, and what to do about it. Caught once, in main.
// Expected outcomes (out of memory, no GPU, not supported) are values, not errors.
class Error : public std::exception {
 public:
  Error(ErrorCode code, Text message, Text hint = {})
      : code_(code), message_(std::move(message)), hint_(std::move(hint)) {}

  const char* what() const noexcept override { return message_.en.c_str(); }
  ErrorCode code() const { return code_; }
  const Text& message() const { return message_; }
  const Text& hint() const { return hint_; }

 private:
  ErrorCode code_;
  Text message_;
  Text hint_;
};

}  // namespace wring

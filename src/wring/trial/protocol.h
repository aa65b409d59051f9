#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "wring/trial/trial.h"

namespace wring {

// The trial protocol, version 1: one JSON object a line, requests on the worker's standard input, events on its
// standard output. docs/trial_protocol.md shows every line. Fields that are not known are passed over, so that programs
// may say more.
inline constexpr int kTrialProtocol = 1;

struct NumberedRequest {
  std::int64_t id = 0;
  TrialRequest request;
};

struct TrialEvent {
  std::int64_t id = 0;
  std::string phase;                // "load", "warmup", "measure", "validate"; "" when the trial is done
  std::optional<TrialResult> done;  // its outcome is ok, oom or error
};

// One line without its end. Strings travel as UTF-8; bytes that are none are replaced.
std::string request_line(const NumberedRequest& request);
std::string event_line(const TrialEvent& event);

// Throws Error{failed} naming the field: not JSON, another version, a missing id, a value of the wrong type or range.
NumberedRequest parse_request(std::string_view line);
// nullopt for a line that is none of the protocol's (a library that prints); throws like parse_request for one that is.
std::optional<TrialEvent> parse_event(std::string_view line);

}  // namespace wring

#pragma once
#include <string>

namespace wring {

// The time of day for a record: "2026-11-30T16:22:58Z".
std::string utc_now();

}  // namespace wring

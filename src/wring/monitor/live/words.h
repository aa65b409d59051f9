#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "wring/base/text.h"
#include "wring/gpu/telemetry.h"
#include "wring/monitor/live/canvas.h"
#include "wring/monitor/live/model.h"

namespace wring::live {

// Values as the live view words them. A missing one is "n/a", or "" where the line can do without it.

std::string percent(std::optional<double> value);                                        // "87 %"
std::string amount(std::optional<double> mib);                                           // "812 MiB", "50.0 GiB"
std::string gib(std::optional<double> mib);                                              // "9.4", "141"
std::string memory_of(std::optional<double> used_mib, std::optional<double> total_mib);  // "9.4/80.0 GiB"
std::string rate(std::optional<double> mib_s);                       // "33 MiB/s", "1.2 GiB/s"; "" without
std::string rounded(std::optional<double> value, const char* unit);  // "62 °C"; "" without

// "power cap, hot": the reasons, the gravest first; empty for none.
Text throttle_words(std::uint64_t reasons);
Style throttle_style(std::uint64_t reasons);

// What keeps the card's values from being shown, gravest first: lost, a hanging driver call, no data. Absent when they
// can be.
std::optional<Text> trouble_of(const LiveGpu& gpu);

// Colours by threshold. Utilisation: under 30 % the card is wasted, from 70 % on it is busy.
Style util_style(double percent);
Style memory_style(double share);  // of used and reserved: near 1 the next allocation fails
Style temperature_style(double celsius);
Style host_style(std::optional<double> percent, double warn_from);

}  // namespace wring::live

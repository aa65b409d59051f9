#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "wring/base/text.h"
#include "wring/telemetry/tick.h"

namespace wring {

enum class TickFormat : std::uint8_t { text, csv, jsonl };

struct TextStyle {
  Language language = Language::en;
  bool utf8 = true;  // else ASCII, without the signs in front of the lines
};

// Ticks as lines; every line ends with '\n'.
class TickFormatter {
 public:
  virtual ~TickFormatter() = default;
  virtual std::string header() const { return ""; }  // begins a file
  virtual std::string lines(const Tick& tick) const = 0;
  // Whether a file whose first line this is may have been written in this format, by this version or another.
  virtual bool is_own_line(std::string_view line) const = 0;
};

// gpus: of the telemetry that the ticks come from.
//
// text: "🎯 GPU-Util:  87% | Memory:  78% (9.4GB)", with "[1] " after the sign where there are several cards.
// csv: as nvidia-smi --query-gpu with --format=csv,nounits prints it: one row a card, ", " between the columns, "[N/A]"
//   for what is missing, local time.
// jsonl: one object a tick (schema "wring.monitor.tick/1"), numbers as numbers, null for what is missing, UTC.
std::unique_ptr<TickFormatter> make_formatter(TickFormat format, std::vector<Gpu> gpus, TextStyle style);

inline constexpr const char* tick_schema = "wring.monitor.tick/1";

// "9.4GB": binary gigabytes under the name that everybody uses.
std::string gigabytes(double mib);

}  // namespace wring

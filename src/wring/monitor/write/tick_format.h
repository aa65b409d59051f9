#pragma once
#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <utility>
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

// As nvidia-smi --query-gpu with --format=csv,nounits prints it: one row a card, ", " between the columns, "[N/A]" for
// what is missing, local time.
class TickCsv : public TickFormatter {
 public:
  explicit TickCsv(std::vector<Gpu> gpus);
  std::string header() const override;
  std::string lines(const Tick& tick) const override;
  bool is_own_line(std::string_view line) const override;

 private:
  std::vector<Gpu> gpus_;
};

// One object a tick (schema "wring.monitor.tick/1"), numbers as numbers, null for what is missing, UTC.
class TickJson : public TickFormatter {
 public:
  explicit TickJson(std::vector<Gpu> gpus) : gpus_(std::move(gpus)) {}
  std::string lines(const Tick& tick) const override;
  bool is_own_line(std::string_view line) const override;

 private:
  std::vector<Gpu> gpus_;
};

// The guide's lines: "🎯 GPU-Util:  87% | Memory:  78% (9.4GB)", with "[1] " after the sign where there are several
// cards. Without a card, the computer's.
class TickText : public TickFormatter {
 public:
  TickText(std::vector<Gpu> gpus, TextStyle style);
  std::string lines(const Tick& tick) const override;
  bool is_own_line(std::string_view line) const override;

 private:
  std::string line(const char* sign, const Text& text) const;
  std::string gpu_line(const Gpu& gpu, const GpuTick& tick) const;
  std::string host_line(const HostSample& host) const;

  std::vector<Gpu> gpus_;
  TextStyle style_;
};

// gpus: of the telemetry that the ticks come from.
std::unique_ptr<TickFormatter> make_formatter(TickFormat format, std::vector<Gpu> gpus, TextStyle style);

inline constexpr const char* kTickSchema = "wring.monitor.tick/1";

// A tick as one object; keys of the metrics as in metric_rows().
nlohmann::ordered_json tick_json(const Tick& tick, const std::vector<Gpu>& gpus);

// "9.4GB": binary gigabytes under the name that everybody uses.
std::string gigabytes(double mib);

}  // namespace wring

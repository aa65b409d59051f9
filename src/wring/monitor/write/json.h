#pragma once
#include <nlohmann/json_fwd.hpp>

#include "wring/monitor/write/tick_format.h"

namespace wring {

// A tick as one object; keys of the metrics as in metric_rows().
nlohmann::ordered_json tick_json(const Tick& tick, const std::vector<Gpu>& gpus);

class TickJson : public TickFormatter {
 public:
  explicit TickJson(std::vector<Gpu> gpus) : gpus_(std::move(gpus)) {}
  std::string lines(const Tick& tick) const override;
  bool is_own_line(std::string_view line) const override;

 private:
  std::vector<Gpu> gpus_;
};

// "2026-11-25T04:35:17.123Z"
std::string utc_time(std::int64_t unix_ms);

// Rounded to a thousandth, which is beyond what any of the readings knows; null where there is none.
nlohmann::ordered_json json_number(std::optional<double> value);

}  // namespace wring

#pragma once
#include "wring/monitor/write/tick_format.h"

namespace wring {

// Rows for spreadsheets and for scripts that read nvidia-smi's.
class TickCsv : public TickFormatter {
 public:
  explicit TickCsv(std::vector<Gpu> gpus);
  std::string header() const override;
  std::string lines(const Tick& tick) const override;
  bool is_own_line(std::string_view line) const override;

 private:
  std::vector<Gpu> gpus_;
};

}  // namespace wring

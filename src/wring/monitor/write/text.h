#pragma once
#include "wring/monitor/write/tick_format.h"

namespace wring {

// The guide's lines. Without a card, the computer's.
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

}  // namespace wring

#include "wring/monitor/write/tick_format.h"

namespace wring {

std::unique_ptr<TickFormatter> make_formatter(TickFormat format, std::vector<Gpu> gpus, TextStyle style) {
  switch (format) {
    case TickFormat::csv:
      return std::make_unique<TickCsv>(std::move(gpus));
    case TickFormat::jsonl:
      return std::make_unique<TickJson>(std::move(gpus));
    case TickFormat::text:
      break;
  }
  return std::make_unique<TickText>(std::move(gpus), style);
}

}  // namespace wring

#include "wring/gpu/metrics_reference.h"

#include <fmt/format.h>

#include "wring/gpu/metrics.h"

namespace wring {
namespace {

Text kind_name(MetricKind kind) {
  switch (kind) {
    case MetricKind::share:
      return {"share", "占比"};
    case MetricKind::level:
      return {"level", "瞬时值"};
    case MetricKind::rate:
      return {"rate", "速率"};
    case MetricKind::counter:
      return {"counter", "累计值"};
  }
  return {};
}

}  // namespace

std::string metrics_table(Language language) {
  const bool zh = language == Language::zh;
  std::string table = zh ? "| 名称 | JSON 键 | CSV 表头 | Prometheus（前缀 `wring_gpu_`） | 类型 | 含义 |\n"
                         : "| metric | JSON key | CSV header | Prometheus (after `wring_gpu_`) | kind | meaning |\n";
  table += "| --- | --- | --- | --- | --- | --- |\n";
  for (const MetricRow& row : metric_rows()) {
    table += fmt::format("| {} | `{}` | `{}` | `{}` | {} | {} |\n", row.title.in(language), row.key, row.csv_header,
                         row.prometheus, kind_name(row.kind).in(language), row.help.in(language));
  }
  return table;
}

}  // namespace wring

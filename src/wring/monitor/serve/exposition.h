#pragma once
#include <string>

#include "wring/monitor/serve/served_state.h"

namespace wring::serve {

// The Prometheus text format 0.0.4 (prometheus.io/docs/instrumenting/exposition_formats). Base units; a value that is
// missing has no line. Beside the gauges stand counters of seconds (busy, SM active, throttled …), whose rate over any
// span is exact where a gauge shows only the moment of the scrape.
std::string prometheus_text(const MonitorView& view);

inline constexpr const char* kPrometheusContentType = "text/plain; version=0.0.4; charset=utf-8";

}  // namespace wring::serve

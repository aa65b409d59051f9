#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "wring/findings/judged_summary.h"
#include "wring/monitor/serve/plot_history.h"
#include "wring/monitor/serve/served_state.h"

namespace wring::serve {

// The answers under /api/v1, as JSON text. Numbers are numbers, what is missing is null, texts are in `language`. Keys
// of metrics are those of metric_rows(); their units are in the answer of gpus_answer().

// What is watched: host, driver, cards with what is wrong with them now, and the catalogue of metrics
// ("wring.monitor.gpus/1").
std::string gpus_answer(const MonitorView& view, Language language);

// The newest reading of each card, its processes, the host ("wring.monitor.latest/1").
std::string latest_answer(const MonitorView& view, Language language);

// Whether history_answer() knows the name.
bool is_history_metric(std::string_view key);

// Columns: times, and for each card one list a metric ("wring.monitor.history/1"). A metric that no point has is left
// out, as are those that `only` does not name, unless it is empty.
std::string history_answer(const MonitorFacts& facts, const std::vector<PlotHistory::Point>& points,
                           const std::vector<std::string>& only);

// The summary as the monitor writes it at its end ("wring.monitor.summary/1").
std::string summary_answer(const JudgedSummary& summary, Language language);

// "ok", "starting" before the first tick, "stalled" when ticks have stopped ("wring.monitor.health/1").
std::string health_answer(const MonitorView& view);

std::string error_answer(int status, const std::string& message);

}  // namespace wring::serve

// What the monitor hands to other programs, whole: nothing is lost, renamed or in another unit.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>

#include <gtest/gtest.h>

#include "fixtures/as_recorded.h"
#include "fixtures/scoped_environment.h"
#include "unit/monitor/serve/served_ticks.h"
#include "wring/monitor/serve/exposition.h"
#include "wring/monitor/serve/json.h"
#include "wring/monitor/write/tick_format.h"

namespace wring::serve {
namespace {

using namespace testing_support;
using Json = nlohmann::ordered_json;

// Two cards with every value, of which the second is lost at the last of three ticks.
std::vector<Tick> three_ticks() {
  std::vector<Tick> ticks;
  for (int i = 0; i < 3; ++i) {
    Tick tick = served_tick(2, 100 + 2 * i);
    tick.unix_ms = 1'795'582'085'835 + 2000 * i;
    tick.interval_s = 2;
    tick.missed = i;
    for (std::size_t card = 0; card < 2; ++card) {
      GpuSample& sample = *tick.gpus[card].sample;
      for (const MetricRow& row : metric_rows()) {
        if (!sample[row.metric].ok()) sample[row.metric] = Reading::of(static_cast<double>(row.metric) + 0.4567);
      }
      sample[Metric::gpu_util] = Reading::of(80 + 7 * i);
      sample.throttle_reasons = i == 1 ? throttle_power_cap | throttle_thermal_software : std::uint64_t{throttle_idle};
    }
    ticks.push_back(std::move(tick));
  }
  GpuSample lost;
  lost.time_s = 104;
  lost.problem = fallen_off();
  lost.values.fill(Reading::failed(15));
  lost.xids = {79};
  ticks.back().gpus[1] = {lost, std::nullopt};
  return ticks;
}

MonitorFacts known() {
  MonitorFacts known = facts(2);
  known.problems = {
      {{"NVML: no permission (code 4)", "NVML：没有权限（代码 4）"}, {"join the group", "请加入用户组"}, 4}};
  known.gpus[0].pci_bus_id = "00000000:19:00.0";
  known.gpus[0].compute_capability_major = 9;
  known.gpus[0].compute_capability_minor = 0;
  return known;
}

MonitorView view_of(const std::vector<Tick>& ticks) {
  ServedState state(known());
  for (const Tick& tick : ticks) state.on_tick(tick);
  MonitorView view = state.view();
  view.last_tick_age_s = 0.25;  // these three are of this process and this moment
  view.own_cpu_s = 1.5;
  view.own_memory_bytes = 7 << 20;
  return view;
}

std::string indented(const std::string& json) {
  return Json::parse(json).dump(1, ' ') + "\n";
}

TEST(RecordedFormats, OfPrometheus) {
  std::istringstream lines(prometheus_text(view_of(three_ticks())));
  std::string text;
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("# HELP ")) text += line + "\n";  // the words are in docs/metrics.md
  }
  expect_as_recorded("monitor/metrics.txt", text);
}

TEST(RecordedFormats, OfCsvAndJsonLines) {
  ScopedEnvironment environment;
  environment.set("TZ", "UTC");
  for (const auto& [format, name] :
       {std::pair(TickFormat::csv, "monitor/ticks.csv"), {TickFormat::jsonl, "monitor/ticks.jsonl"}}) {
    const auto formatter = make_formatter(format, known().gpus, {Language::en, true});
    std::string lines = formatter->header();
    for (const Tick& tick : three_ticks()) lines += formatter->lines(tick);
    expect_as_recorded(name, lines);
  }
}

TEST(RecordedFormats, OfTheServersAnswers) {
  MonitorView view = view_of(three_ticks());
  expect_as_recorded("monitor/latest.json", indented(latest_answer(view, Language::en)));
  expect_as_recorded("monitor/health.json", indented(health_answer(view)));
  // The catalogue of metrics has a document of its own.
  Json gpus = Json::parse(gpus_answer(view, Language::zh));
  EXPECT_EQ(gpus["metrics"].size(), kMetricCount);
  gpus["metrics"].erase(gpus["metrics"].begin() + 1, gpus["metrics"].end());
  expect_as_recorded("monitor/gpus.json", gpus.dump(1, ' ') + "\n");
  PlotHistory history(2);
  for (const Tick& tick : three_ticks()) history.on_tick(tick);
  expect_as_recorded("monitor/history.json", indented(history_answer(known(), history.last(1e9), {})));
}

}  // namespace
}  // namespace wring::serve

#include "wring/monitor/serve/json.h"

#include <nlohmann/json.hpp>

#include <gtest/gtest.h>

#include "unit/monitor/serve/served_ticks.h"

namespace wring::serve {
namespace {

using namespace testing_support;
using Json = nlohmann::json;

MonitorView view_of(const std::vector<Tick>& ticks, int count = 1) {
  ServedState state(facts(count));
  for (const Tick& tick : ticks) state.on_tick(tick);
  return state.view();
}

std::vector<PlotHistory::Point> points_of(int count, int ticks) {
  PlotHistory history(static_cast<std::size_t>(count));
  for (int i = 0; i < ticks; ++i) history.on_tick(served_tick(count, 1000 + i));
  return history.last(1e9);
}

TEST(ServerJson, DescribesTheCardsAndTheCatalogue) {
  const Json json = Json::parse(gpus_answer(view_of({}, 2), Language::zh));
  EXPECT_EQ(json["schema"], "wring.monitor.gpus/1");
  EXPECT_EQ(json["host_name"], "gpu-box");
  EXPECT_EQ(json["source"], "nvml");
  ASSERT_EQ(json["gpus"].size(), 2U);
  EXPECT_EQ(json["gpus"][1]["uuid"], "GPU-1");
  EXPECT_TRUE(json["gpus"][1]["compute_capability"].is_null());
  ASSERT_EQ(json["metrics"].size(), kMetricCount);
  EXPECT_EQ(json["metrics"][0]["key"], "gpu_util");
  EXPECT_EQ(json["metrics"][0]["title"], "GPU利用率");
}

TEST(ServerJson, SaysWhatIsWrongWithACardThatWasLostOnTheWay) {
  Tick tick = served_tick(2, 1000);
  tick.gpus[1].sample->problem = fallen_off();
  const Json json = Json::parse(gpus_answer(view_of({tick}, 2), Language::en));
  EXPECT_TRUE(json["gpus"][0]["problem"].is_null());
  EXPECT_EQ(json["gpus"][1]["problem"]["what"], "the GPU has fallen off the bus");
}

TEST(ServerJson, HasNumbersForValuesAndNullForWhatIsMissing) {
  const Json json = Json::parse(latest_answer(view_of({served_tick(1, 100)}), Language::en));
  const Json& card = json["gpus"][0];
  EXPECT_EQ(json["schema"], "wring.monitor.latest/1");
  EXPECT_EQ(card["gpu_util"], 87);
  EXPECT_TRUE(card["memory_temperature_c"].is_null());
  EXPECT_TRUE(card["up"]);
  EXPECT_EQ(card["processes"][0]["name"], "python3 train.py");
  EXPECT_EQ(json["host"]["cpu_percent"], 34);
  EXPECT_EQ(json["ticks"], 1);
}

TEST(ServerJson, SaysWhyACardIsLostInTheReadersLanguage) {
  Tick tick = served_tick(1, 100);
  tick.gpus[0].sample->problem = fallen_off();
  const Json json = Json::parse(latest_answer(view_of({tick}), Language::zh));
  EXPECT_FALSE(json["gpus"][0]["up"]);
  EXPECT_EQ(json["gpus"][0]["problem"]["what"], "GPU 已掉卡");
  EXPECT_EQ(json["gpus"][0]["problem"]["code"], 15);
}

TEST(ServerJson, NamesTheReasonsOfThrottling) {
  Tick tick = served_tick(1, 100);
  EXPECT_TRUE(Json::parse(latest_answer(view_of({tick}), Language::en))["gpus"][0]["throttle"].is_null());
  tick.gpus[0].sample->throttle_reasons = throttle_power_cap;
  const Json json = Json::parse(latest_answer(view_of({tick}), Language::en));
  ASSERT_EQ(json["gpus"][0]["throttle"].size(), 1U);
  EXPECT_EQ(json["gpus"][0]["throttle"][0]["key"], "power_cap");
}

TEST(ServerJson, SurvivesNamesThatAreNotUtf8) {
  Tick tick = served_tick(1, 100);
  tick.gpus[0].sample->processes = {{1, "bad\xFFname", std::nullopt, std::nullopt}};
  EXPECT_NO_THROW(Json::parse(latest_answer(view_of({tick}), Language::en)));
}

TEST(ServerJson, HistoryIsInColumnsOfOneLength) {
  const Json json = Json::parse(history_answer(facts(2), points_of(2, 5), {}));
  ASSERT_EQ(json["unix_ms"].size(), 5U);
  ASSERT_EQ(json["gpus"].size(), 2U);
  for (const auto& [key, column] : json["gpus"][1]["metrics"].items()) EXPECT_EQ(column.size(), 5U) << key;
  EXPECT_EQ(json["gpus"][1]["metrics"]["gpu_util"][4], 87);
  EXPECT_FALSE(json["gpus"][1]["metrics"].contains("memory_temperature_c"));
  EXPECT_EQ(json["host"]["cpu_percent"].size(), 5U);
}

TEST(ServerJson, HistoryHasOnlyWhatWasAskedFor) {
  const Json json = Json::parse(history_answer(facts(1), points_of(1, 3), {"power_w"}));
  EXPECT_EQ(json["gpus"][0]["metrics"].size(), 1U);
  EXPECT_EQ(json["gpus"][0]["metrics"]["power_w"][0], 548);
  EXPECT_TRUE(json["host"].empty());
}

TEST(ServerJson, HealthFollowsTheTicks) {
  EXPECT_EQ(Json::parse(health_answer(view_of({})))["status"], "starting");
  EXPECT_EQ(Json::parse(health_answer(view_of({served_tick(1, steady_seconds())})))["status"], "ok");
  EXPECT_EQ(Json::parse(health_answer(view_of({served_tick(1, steady_seconds() - 100)})))["status"], "stalled");
}

TEST(ServerJson, HealthNamesLostCards) {
  Tick tick = served_tick(2, steady_seconds());
  tick.gpus[1].stuck_for_s = 9;
  EXPECT_EQ(Json::parse(health_answer(view_of({tick}, 2)))["lost_gpus"], Json::array({1}));
}

}  // namespace
}  // namespace wring::serve

#include "wring/monitor/serve/exposition.h"

#include <set>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/monitor/serve/served_ticks.h"

namespace wring::serve {
namespace {

using namespace testing_support;
using testing::HasSubstr;
using testing::Not;

const std::string kCard0 = R"({gpu="0",uuid="GPU-0",name="NVIDIA H200"})";

std::string text_of(MonitorFacts served, const std::vector<Tick>& ticks) {
  ServedState state(std::move(served));
  for (const Tick& tick : ticks) state.on_tick(tick);
  return prometheus_text(state.view());
}

TEST(Exposition, ConvertsToBaseUnits) {
  const std::string text = text_of(facts(1), {served_tick(1, 100)});
  EXPECT_THAT(text, HasSubstr("wring_gpu_memory_used_bytes" + kCard0 + " 10093592576\n"));  // 9626 MiB
  EXPECT_THAT(text, HasSubstr("wring_gpu_utilization_ratio" + kCard0 + " 0.87\n"));
  EXPECT_THAT(text, HasSubstr("wring_gpu_sm_clock_hertz" + kCard0 + " 1830000000\n"));
  EXPECT_THAT(text, HasSubstr("wring_host_memory_total_bytes 67108864000\n"));
}

TEST(Exposition, OmitsWhatIsMissingTogetherWithItsHeading) {
  Tick tick = served_tick(1, 100);
  tick.host.iowait_percent.reset();
  const std::string text = text_of(facts(1), {tick});
  EXPECT_THAT(text, Not(HasSubstr("memory_temperature")));  // not supported by this card
  EXPECT_THAT(text, Not(HasSubstr("iowait")));
  EXPECT_THAT(text, HasSubstr("wring_gpu_temperature_celsius"));
}

TEST(Exposition, NamesEveryFamilyOnceWithHelpAndType) {
  std::istringstream lines(text_of(facts(2), {served_tick(2, 100), served_tick(2, 101)}));
  std::set<std::string> families;
  std::string current;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string hash, word, name;
    if (line.starts_with("# HELP ")) {
      words >> hash >> word >> current;
      EXPECT_TRUE(families.insert(current).second) << current << " comes twice";
    } else if (line.starts_with("# TYPE ")) {
      words >> hash >> word >> name >> word;
      EXPECT_EQ(name, current);
      EXPECT_EQ(word == "counter", name.ends_with("_total")) << name;
    } else {
      EXPECT_EQ(line.substr(0, line.find_first_of("{ ")), current);
    }
  }
  EXPECT_GT(families.size(), 30U);
}

TEST(Exposition, EscapesLabels) {
  MonitorFacts served = facts(1);
  served.gpus[0].name = "a\"b\\c\nd";
  EXPECT_THAT(text_of(std::move(served), {served_tick(1, 100)}), HasSubstr(R"(name="a\"b\\c\nd")"));
}

TEST(Exposition, CountsBusySecondsSoThatRareScrapesLoseNothing) {
  std::vector<Tick> ticks;
  for (int i = 0; i <= 10; ++i) ticks.push_back(served_tick(1, 100 + i));
  const std::string text = text_of(facts(1), ticks);
  EXPECT_THAT(text, HasSubstr("wring_gpu_utilization_seconds_total" + kCard0 + " 8.7"));
  EXPECT_THAT(text, HasSubstr("wring_gpu_utilization_observed_seconds_total" + kCard0 + " 10\n"));
  EXPECT_THAT(text, HasSubstr("wring_gpu_tensor_activity_seconds_total" + kCard0));
}

TEST(Exposition, TellsOfALostCardAndKeepsTheOther) {
  Tick tick = served_tick(2, 100);
  tick.gpus[0].sample = GpuSample();
  tick.gpus[0].sample->problem = fallen_off();
  const std::string text = text_of(facts(2), {tick});
  EXPECT_THAT(text, HasSubstr("wring_gpu_up" + kCard0 + " 0\n"));
  EXPECT_THAT(text, HasSubstr(R"(wring_gpu_up{gpu="1",uuid="GPU-1",name="NVIDIA H200"} 1)"));
  EXPECT_THAT(text, Not(HasSubstr("wring_gpu_utilization_ratio" + kCard0)));
}

TEST(Exposition, TellsOfAStuckDriverCall) {
  Tick tick = served_tick(1, 100);
  tick.gpus[0].stuck_for_s = 12;
  EXPECT_THAT(text_of(facts(1), {tick}), HasSubstr("wring_gpu_stuck_seconds" + kCard0 + " 12\n"));
}

TEST(Exposition, NamesTheReasonsOfThrottling) {
  Tick tick = served_tick(1, 100);
  tick.gpus[0].sample->throttle_reasons = throttle_power_cap | throttle_thermal_software;
  const std::string text = text_of(facts(1), {tick});
  EXPECT_THAT(text, HasSubstr(R"(reason="power_cap"} 1)"));
  EXPECT_THAT(text, HasSubstr(R"(reason="thermal_software"} 1)"));
  EXPECT_THAT(text, HasSubstr(R"(reason="thermal_hardware"} 0)"));
}

TEST(Exposition, TellsOfItselfBeforeTheFirstTick) {
  const std::string text = text_of(facts(1), {});
  EXPECT_THAT(text, HasSubstr("wring_monitor_ticks_total 0\n"));
  EXPECT_THAT(text, HasSubstr("wring_build_info{version=\"0.1.0\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("process_cpu_seconds_total "));
  EXPECT_THAT(text, Not(HasSubstr("last_tick_age")));
}

}  // namespace
}  // namespace wring::serve

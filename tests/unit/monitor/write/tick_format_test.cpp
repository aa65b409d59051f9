#include "wring/monitor/write/tick_format.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fixtures/scoped_environment.h"
#include "unit/telemetry/scripted_telemetry.h"

namespace wring {
namespace {

using namespace testing_support;
using testing::HasSubstr;

Gpu rtx4070(int index = 0) {
  return card(index, "NVIDIA GeForce RTX 4070", 12288);
}

Tick tick_of(std::vector<GpuSample> samples) {
  Tick tick;
  tick.unix_ms = 1'795'582'085'835;
  tick.interval_s = 1;
  for (GpuSample& sample : samples) tick.gpus.push_back({std::move(sample), std::nullopt});
  return tick;
}

std::string text(const std::vector<Gpu>& gpus, const Tick& tick, TextStyle style = {Language::zh, true}) {
  return make_formatter(TickFormat::text, gpus, style)->lines(tick);
}

TEST(TickJsonProgram, IsThereWhereItWasReadAndNullBetween) {
  Tick tick;
  EXPECT_TRUE(tick_json(tick, {}).at("program").is_null());
  tick.program.emplace();
  tick.program->launching = 97.5;
  tick.program->readers = 3;
  const auto program = tick_json(tick, {}).at("program");
  EXPECT_EQ(program.at("launching_percent"), 97.5);
  EXPECT_EQ(program.at("readers"), 3);
  EXPECT_TRUE(program.at("backward_percent").is_null());
}

TEST(TickText, IsTheGuidesLine) {
  const GpuSample sample = sample_at(0, {{Metric::gpu_util, 87}, {Metric::memory_used, 9584}});
  EXPECT_EQ(text({rtx4070()}, tick_of({sample})), "🎯 GPU利用率:  87% | 显存使用:  78% (9.4GB)\n");
  EXPECT_EQ(text({rtx4070()}, tick_of({sample}), {Language::en, true}), "🎯 GPU-Util:  87% | Memory:  78% (9.4GB)\n");
  EXPECT_EQ(text({rtx4070()}, tick_of({sample}), {Language::en, false}), "GPU-Util:  87% | Memory:  78% (9.4GB)\n");
}

TEST(TickText, KeepsItsColumnsForOneAndThreeDigits) {
  EXPECT_EQ(text({rtx4070()}, tick_of({sample_at(0, {{Metric::gpu_util, 100}, {Metric::memory_used, 12288}})})),
            "🎯 GPU利用率: 100% | 显存使用: 100% (12.0GB)\n");
  EXPECT_EQ(text({rtx4070()}, tick_of({sample_at(0, {{Metric::gpu_util, 0}, {Metric::memory_used, 0}})})),
            "🎯 GPU利用率:   0% | 显存使用:   0% (0.0GB)\n");
}

TEST(TickText, SaysWhatIsMissing) {
  EXPECT_EQ(text({rtx4070()}, tick_of({sample_at(0, {})})), "🎯 GPU利用率:  N/A | 显存使用:  N/A\n");
  EXPECT_EQ(text({rtx4070()}, tick_of({sample_at(0, {{Metric::gpu_util, 4294967295.0}})})),
            "🎯 GPU利用率:  N/A | 显存使用:  N/A\n");
  Gpu shares_the_computers_memory = rtx4070();
  shares_the_computers_memory.memory_total_mib.reset();
  EXPECT_EQ(text({shares_the_computers_memory},
                 tick_of({sample_at(0, {{Metric::gpu_util, 5}, {Metric::memory_used, 2048}})})),
            "🎯 GPU利用率:   5% | 显存使用: 2.0GB\n");
}

TEST(TickText, MarksACardThatIsLostAndOneWhoseDriverHangs) {
  Tick tick = tick_of({sample_at(0, {{Metric::gpu_util, 87}}), sample_at(0, {}), {}, {}});
  tick.gpus[1].sample->problem =
      GpuProblem{{"GPU is lost (code 15)", "GPU 已丢失（代码 15）"}, {"reboot", "请重启"}, 15};
  tick.gpus[2] = {std::nullopt, std::nullopt};
  tick.gpus[3] = {std::nullopt, 12.3};
  const std::vector<Gpu> gpus = {rtx4070(0), rtx4070(1), rtx4070(2), rtx4070(3)};
  EXPECT_EQ(text(gpus, tick, {Language::en, true}),
            "🎯 [0] GPU-Util:  87% | Memory:  N/A\n"
            "❌ [1] GPU is lost (code 15)\n"
            "🎯 [2] GPU-Util:  N/A | Memory:  N/A\n"
            "⏳ [3] GPU 3: driver call stuck 12 s\n");
}

TEST(TickText, WithoutACardItTellsOfTheComputer) {
  Tick tick = tick_of({});
  tick.host.cpu_percent = 34;
  tick.host.memory_used_mib = 5120;
  tick.host.memory_total_mib = 24576;
  EXPECT_EQ(text({}, tick, {Language::en, true}), "💻 CPU:  34% | I/O wait:  N/A | Host memory:  21% (5.0GB)\n");
}

TEST(TickCsv, HasARowForEachCardAsWideAsItsHeader) {
  ScopedEnvironment environment;
  environment.set("TZ", "UTC");
  GpuSample sample = sample_at(0, {{Metric::gpu_util, 87}, {Metric::power, 151.254}});
  sample.throttle_reasons = throttle_power_cap;
  const auto formatter = make_formatter(TickFormat::csv, {rtx4070(0), rtx4070(1)}, {});
  const Tick tick = tick_of({sample, sample_at(0, {})});
  const std::string lines = formatter->lines(tick);
  EXPECT_THAT(lines, testing::StartsWith("2026/11/25 04:48:05.835, 0, GPU-0, 87, [N/A], "));
  EXPECT_THAT(lines, HasSubstr(", 151.25, "));
  EXPECT_THAT(lines, HasSubstr(", 0x0000000000000004, "));
  EXPECT_THAT(lines, HasSubstr("\n2026/11/25 04:48:05.835, 1, GPU-1, [N/A], "));
  const auto columns = [](const std::string& of) { return std::count(of.begin(), of.end(), ','); };
  EXPECT_EQ(columns(lines), 2 * columns(formatter->header()));
}

TEST(TickFormats, KnowTheirOwnLinesAndNoOthers) {
  const Tick tick = tick_of({sample_at(0, {{Metric::gpu_util, 87}})});
  GpuSample lost = sample_at(0, {});
  lost.problem = GpuProblem{{"GPU is lost", "GPU 已丢失"}, {}, 15};
  for (const Language language : {Language::en, Language::zh}) {
    for (const TickFormat format : {TickFormat::text, TickFormat::csv, TickFormat::jsonl}) {
      const TextStyle style{language, true};
      const auto formatter = make_formatter(format, {rtx4070()}, style);
      const auto first_line = [](std::string text) { return text.substr(0, text.find('\n')); };
      for (const Tick& one : {tick, tick_of({lost})}) {
        EXPECT_TRUE(formatter->is_own_line(first_line(formatter->header() + formatter->lines(one))));
      }
      const auto of_host = make_formatter(format, {}, style);
      EXPECT_TRUE(formatter->is_own_line(first_line(of_host->header() + of_host->lines(tick)))) << "without a card";
      for (const char* other : {"", "thesis", "{}", "{\"a\": 1}", "a, b, c", "🎯 my aims"}) {
        EXPECT_FALSE(formatter->is_own_line(other)) << other;
      }
    }
  }
}

TEST(TickJson, IsAnObjectThatParsesWhateverAProcessIsCalled) {
  GpuSample sample = sample_at(0, {{Metric::gpu_util, 87}, {Metric::sm_activity, 33.33333333}});
  sample.processes = {{4711, "bad\xff\nname\"", 1024, std::nullopt}};
  sample.xids = {79};
  const std::string line = make_formatter(TickFormat::jsonl, {rtx4070()}, {})->lines(tick_of({sample}));
  EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
  const auto tick = nlohmann::json::parse(line);
  EXPECT_EQ(tick.at("schema"), kTickSchema);
  EXPECT_EQ(tick.at("time"), "2026-11-25T04:48:05.835Z");
  const auto& gpu = tick.at("gpus").at(0);
  EXPECT_EQ(gpu.at("gpu_util"), 87);
  EXPECT_EQ(gpu.at("sm_activity"), 33.333);
  EXPECT_TRUE(gpu.at("power_w").is_null());
  EXPECT_EQ(gpu.at("processes").at(0).at("pid"), 4711);
  EXPECT_TRUE(gpu.at("processes").at(0).at("sm_util").is_null());
  EXPECT_EQ(gpu.at("xids"), nlohmann::json::array({79}));
}

}  // namespace
}  // namespace wring

#include "wring/monitor/live/layout.h"

#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/monitor/live/ticks.h"
#include "wring/base/display_text.h"

namespace wring::live {
namespace {

using namespace testing_support;
using ::testing::HasSubstr;
using ::testing::Not;

std::string screen(const LiveModel& model, const LiveStatus& status = {}, const LiveLook& look = {}) {
  const Canvas canvas = layout_live(model, status, look);
  std::string text;
  for (int row = 0; row < canvas.rows(); ++row) text += canvas.text(row) + "\n";
  return text;
}

// The first line that holds the text, "" without.
std::string line_with(const std::string& text, const std::string& part) {
  const std::size_t at = text.find(part);
  if (at == std::string::npos) return "";
  const std::size_t begin = text.rfind('\n', at) + 1;
  return text.substr(begin, text.find('\n', at) - begin);
}

TEST(LiveLayout, ShowsACardWithItsValues) {
  LiveStatus status;
  status.driver_version = "580.65.06";
  status.elapsed_s = 42;
  status.remaining_s = 258;
  const std::string text = screen(busy_model(1), status, {.columns = 120, .rows = 34});
  const std::string top = line_with(text, "wring monitor");
  EXPECT_THAT(top, HasSubstr("driver 580.65.06"));
  EXPECT_THAT(top, HasSubstr("every 1 s  0:42, 4:18 left"));
  const std::string header = line_with(text, "0 NVIDIA H200");
  for (const char* fact : {"62 °C", "548/700 W", "SM 1830 MHz", "mem 3201 MHz"}) EXPECT_THAT(header, HasSubstr(fact));
  const std::string bars = line_with(text, "87 %");
  EXPECT_THAT(bars, HasSubstr("GPU-Util █"));
  EXPECT_THAT(bars, HasSubstr("9.4/80.0 GiB  12 %"));
  EXPECT_THAT(line_with(text, "Tensor"), HasSubstr("14 %"));
  EXPECT_THAT(line_with(text, "PCIe"), HasSubstr("PCIe ↓ 1.3 GiB/s  ↑ 33 MiB/s  NVLink ↓ 0 MiB/s  ↑ 2 MiB/s"));
  EXPECT_THAT(line_with(text, "CPU"),
              HasSubstr("CPU 34 %  busiest core 99 %  I/O wait 2 %  memory 12.5/62.5 GiB  disk 120 MiB/s"));
}

TEST(LiveLayout, PlotsWhatWasBefore) {
  const std::string text = screen(busy_model(1, 30), {}, {.columns = 120, .rows = 34});
  const std::string titles = line_with(text, "0-100 %");
  for (const char* part : {"GPU-Util", "Memory  0-80.0 GiB", "Power  0-700 W", "last 0:29"})
    EXPECT_THAT(titles, HasSubstr(part));
}

TEST(LiveLayout, ListsProcessesByMemoryAndNamesWhoseTheyAre) {
  LiveModel model = busy_model(1);
  model.gpus[0].sample->processes.push_back({42, "other", 50, std::nullopt});
  LiveStatus status;
  status.owners[4711] = "li";
  const std::string text = screen(model, status, {.columns = 100, .rows = 34});
  const std::string trainer = line_with(text, "4711");
  EXPECT_THAT(trainer, HasSubstr("li"));
  EXPECT_THAT(trainer, HasSubstr("8.0 GiB"));
  EXPECT_THAT(trainer, HasSubstr("85 %  python3 train.py"));
  EXPECT_THAT(line_with(text, "815"), HasSubstr("host pid"));
  EXPECT_LT(text.find("4711"), text.find("other"));
  EXPECT_LT(text.find("other"), text.find("815"));
}

TEST(LiveLayout, SaysTheVerdictWithItsNumbersAndTheNextStep) {
  LiveModel model = busy_model(1);
  model.gpus[0].verdicts = {input_bound()};
  const std::string text = screen(model);
  EXPECT_THAT(text, HasSubstr("▶ input-bound: the GPU waits for data  GPU-Util 43 %, busiest core 99 %\n"));
  EXPECT_THAT(text, HasSubstr("→ raise num_workers\n"));
  const std::string narrow = screen(model, {}, {.columns = 50, .rows = 30});
  EXPECT_THAT(narrow, HasSubstr("▶ input-bound: the GPU waits for data\n  GPU-Util 43 %, busiest core 99 %\n"));
}

TEST(LiveLayout, SaysWhatIsWrongInWords) {
  LiveModel model = busy_model(3);
  model.gpus[0].throttled = throttle_power_cap;
  model.gpus[1].problem = GpuProblem{"GPU is lost (code 15)", "reset the GPU or reboot", 15};
  model.gpus[1].sample.reset();
  model.gpus[2].stuck_for_s = 12;
  model.gpus[2].sample.reset();
  model.missed = 3;
  for (const int rows : {15, 50}) {  // as a table, as cards
    const std::string text = screen(model, {}, {.columns = 120, .rows = rows});
    EXPECT_THAT(text, HasSubstr("at its power limit"));
    EXPECT_THAT(text, HasSubstr("GPU is lost (code 15)"));
    EXPECT_THAT(text, HasSubstr("the driver call has not come back for 0:12"));
    EXPECT_THAT(text, HasSubstr("3 ticks missed"));
  }
  EXPECT_THAT(screen(model, {}, {.columns = 120, .rows = 50}), HasSubstr("→ reset the GPU or reboot"));
}

TEST(LiveLayout, ShowsNoValueWhereThereIsNone) {
  LiveModel model(cards(1));
  Tick tick = busy_tick(1, 1000);
  GpuSample& sample = *tick.gpus[0].sample;
  sample.values = {};
  sample[Metric::memory_used] = Reading::of(1024);
  sample.processes.clear();
  tick.host = {};
  model.absorb(tick);
  const std::string text = screen(model);
  EXPECT_THAT(line_with(text, "GPU-Util"), HasSubstr("n/a"));
  EXPECT_THAT(line_with(text, "Memory"), HasSubstr("1.0 GiB"));
  for (const char* absent : {"SM", "Tensor", "PCIe", "°C", " W", "CPU", "pid", "0 %"})
    EXPECT_THAT(text, Not(HasSubstr(absent)));
}

TEST(LiveLayout, SaysThatNothingHasComeYet) {
  EXPECT_THAT(screen(LiveModel(cards(1))), HasSubstr("no values yet"));
}

TEST(LiveLayout, WithoutACardSaysWhyAndTheCure) {
  LiveStatus status;
  status.problems = {
      {"NVML: driver/library version mismatch (code 18)", "reboot, or reload the nvidia kernel module", 18}};
  const std::string text = screen(busy_model(0), status);
  EXPECT_THAT(text, HasSubstr("no GPU"));
  EXPECT_THAT(text, HasSubstr("version mismatch (code 18)\n"));
  EXPECT_THAT(text, HasSubstr("→ reboot, or reload the nvidia kernel module\n"));
  EXPECT_THAT(text, HasSubstr("CPU 34 %"));
}

TEST(LiveLayout, PutsManyCardsIntoATable) {
  const std::string text = screen(busy_model(16), {}, {.columns = 100, .rows = 24});
  const std::string titles = line_with(text, "GPU-Util");
  for (const char* title : {"GPU", "name", "memory", "power", "temp", "history"}) EXPECT_THAT(titles, HasSubstr(title));
  for (int i = 0; i < 16; ++i) {
    EXPECT_THAT(text, HasSubstr(fmt::format("{:3} H200", i)));
  }
  EXPECT_THAT(line_with(text, " 7 H200"), HasSubstr("9.4/80.0 GiB  548 W  62°"));
}

TEST(LiveLayout, DetailsTheSelectedCardBelowTheTable) {
  LiveModel model = busy_model(8);
  model.gpus[5].verdicts = {input_bound()};
  LiveStatus status;
  EXPECT_THAT(screen(model, status, {.columns = 90, .rows = 40}), HasSubstr("\n 0 NVIDIA H200"));
  status.selected = 5;
  const std::string text = screen(model, status, {.columns = 90, .rows = 40});
  EXPECT_THAT(text, HasSubstr("\n 5 NVIDIA H200"));
  EXPECT_THAT(text, HasSubstr("▶ input-bound"));
  EXPECT_THAT(text, HasSubstr("▶   5"));
  // Without room for details, its verdict.
  EXPECT_THAT(screen(model, status, {.columns = 90, .rows = 13}),
              HasSubstr("▶ GPU 5: input-bound: the GPU waits for data"));
}

TEST(LiveLayout, ScrollsTheTableToTheSelectedCard) {
  LiveStatus status;
  status.selected = 15;
  const std::string end = screen(busy_model(16), status, {.columns = 60, .rows = 10});
  EXPECT_THAT(end, HasSubstr("▶  15"));
  EXPECT_THAT(end, Not(HasSubstr("  0 ")));
  EXPECT_THAT(end, HasSubstr("↑"));
  status.selected = 99;  // a card that is no longer there
  EXPECT_THAT(screen(busy_model(16), status, {.columns = 60, .rows = 10}), HasSubstr("▶  15"));
}

TEST(LiveLayout, KeepsUtilisationAndMemoryToTheLast) {
  const std::string text = screen(busy_model(1), {}, {.columns = 30, .rows = 3});
  EXPECT_THAT(text, HasSubstr("0 NVIDIA H200"));
  EXPECT_THAT(line_with(text, "GPU-Util"), HasSubstr("87 %"));
  EXPECT_THAT(line_with(text, "Memory"), HasSubstr("9.4/80.0 GiB"));
  EXPECT_THAT(screen(busy_model(2), {}, {.columns = 20, .rows = 5}), HasSubstr("87 %"));
}

TEST(LiveLayout, SpeaksChinese) {
  LiveModel model = busy_model(1);
  model.gpus[0].verdicts = {input_bound()};
  LiveStatus status;
  status.paused = true;
  const std::string text = screen(model, status, {.columns = 100, .rows = 30, .language = Language::zh});
  for (const char* part : {"GPU利用率", "显存", "张量核心", "输入受限", "已暂停", "进程号", "最忙核心", "q 退出"}) {
    EXPECT_THAT(text, HasSubstr(part));
  }
  for (const char* english : {"Memory", "busiest", "quit", "host"}) EXPECT_THAT(text, Not(HasSubstr(english)));
}

TEST(LiveLayout, AlignsBarsBehindLabelsOfEveryWidth) {
  const Canvas canvas = layout_live(busy_model(1), {}, {.columns = 80, .rows = 24, .language = Language::zh});
  int found = 0;
  for (int row = 0; row < canvas.rows(); ++row) {
    const std::string text = canvas.text(row);
    for (const char* label : {" GPU利用率 █", " 显存      █", " SM活跃    █", " 张量核心  █", " 显存带宽  █"}) {
      if (!text.starts_with(label)) continue;
      ++found;
      EXPECT_EQ(canvas.at(row, 11).glyph, U'█') << text;
    }
  }
  EXPECT_EQ(found, 5);
}

TEST(LiveLayout, ExplainsItsKeys) {
  LiveStatus status;
  status.help = true;
  const std::string text = screen(busy_model(1), status);
  EXPECT_THAT(text, HasSubstr("quit and print the summary"));
  EXPECT_THAT(text, Not(HasSubstr("NVIDIA")));
}

TEST(LiveLayout, OffersOnlyKeysThatDoSomething) {
  LiveStatus status;
  EXPECT_THAT(screen(busy_model(1), status), Not(HasSubstr("interval")));
  EXPECT_THAT(screen(busy_model(1), status), Not(HasSubstr("card")));
  status.can_change_interval = true;
  EXPECT_THAT(screen(busy_model(2), status), HasSubstr("↑↓ card  +/- interval"));
}

// Every size, number of cards, language and character set: nothing is drawn outside, wide characters stay whole, and
// what says least goes first.
class LiveLayoutOfAnySize : public testing::TestWithParam<int> {};

TEST_P(LiveLayoutOfAnySize, FitsTheScreen) {
  LiveModel model = busy_model(GetParam());
  LiveStatus status;
  status.remaining_s = 100;
  if (!model.gpus.empty()) model.gpus.back().verdicts = {input_bound()};
  if (model.gpus.size() > 2) {
    model.gpus[1].problem = GpuProblem{"GPU is lost (code 15)", "reset the GPU or reboot", 15};
    model.gpus[2].throttled = throttle_thermal_hardware | throttle_power_cap;
  }
  for (const bool help : {false, true}) {
    status.help = help;
    for (int columns : {1, 2, 5, 10, 20, 30, 40, 59, 60, 79, 80, 99, 100, 110, 132, 200}) {
      for (int rows : {1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 24, 40, 60}) {
        for (const Language language : {Language::en, Language::zh}) {
          const Canvas canvas = layout_live(model, status, {columns, rows, true, language});
          const Canvas plain = layout_live(model, status, {columns, rows, false, Language::en});
          ASSERT_EQ(canvas.columns(), columns);
          ASSERT_EQ(canvas.rows(), rows);
          for (int row = 0; row < rows; ++row) {
            ASSERT_LE(display_width(canvas.text(row)), columns);
            for (int column = 0; column < columns; ++column) {
              ASSERT_LT(plain.at(row, column).glyph, char32_t{0x80});
              ASSERT_GE(plain.at(row, column).glyph, char32_t{0x20});
            }
          }
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Cards, LiveLayoutOfAnySize, testing::Values(0, 1, 2, 4, 8, 16));

}  // namespace
}  // namespace wring::live

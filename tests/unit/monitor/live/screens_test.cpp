// The live view as a user sees it: whole screens, and below each what every column is painted as.
#include <string>

#include <gtest/gtest.h>

#include "fixtures/as_recorded.h"
#include "unit/monitor/live/ticks.h"
#include "wring/monitor/live/layout.h"

namespace wring::live {
namespace {

using namespace testing_support;

// One letter a style, in the order of the enumeration: "." is plain.
constexpr std::string_view kLetters = ".dBgwbmrpaks";

std::string painted(const Canvas& canvas) {
  std::string text;
  for (int row = 0; row < canvas.rows(); ++row) text += canvas.text(row) + "\n";
  text += std::string(static_cast<std::size_t>(canvas.columns()), '=') + "\n";
  for (int row = 0; row < canvas.rows(); ++row) {
    for (int column = 0; column < canvas.columns(); ++column) {
      const Cell& cell = canvas.at(row, column);
      text += cell.glyph == U' ' ? ' ' : kLetters[static_cast<std::size_t>(cell.style)];
    }
    text.erase(text.find_last_not_of(' ') + 1);
    text += "\n";
  }
  return text;
}

// A card whose values go up and down, with gaps, so that plots have a shape.
LiveModel waving_model(int count) {
  LiveModel model(cards(count));
  for (int i = 0; i < 90; ++i) {
    Tick tick = busy_tick(count, 1000 + i);
    for (int card = 0; card < count; ++card) {
      GpuSample& sample = *tick.gpus[static_cast<std::size_t>(card)].sample;
      sample[Metric::gpu_util] = Reading::of((i * 7 + card * 13) % 101);
      sample[Metric::memory_used] = Reading::of(8000 + 700 * i + 500 * card);
      sample[Metric::power] = Reading::of(90 + (i * 31) % 600);
      if (i % 17 == 3) sample[Metric::gpu_util] = Reading::failed(Reading::kNoData);
    }
    model.absorb(tick);
  }
  return model;
}

LiveStatus usual_status() {
  LiveStatus status;
  status.driver_version = "580.65.06";
  status.elapsed_s = 90;
  status.can_change_interval = true;
  status.owners[4711] = "li";
  return status;
}

TEST(LiveScreens, OneCardOnAWideTerminal) {
  LiveModel model = waving_model(1);
  model.gpus[0].verdicts = {input_bound()};
  LiveStatus status = usual_status();
  status.remaining_s = 210;
  expect_as_recorded("screens/one_card_wide.txt", painted(layout_live(model, status, {.columns = 132, .rows = 40})));
}

TEST(LiveScreens, OneCardOnAUsualTerminal) {
  LiveModel model = waving_model(1);
  model.gpus[0].verdicts = {input_bound()};
  model.gpus[0].throttled = throttle_power_cap;
  model.missed = 1;
  expect_as_recorded("screens/one_card.txt", painted(layout_live(model, usual_status(), {.columns = 80, .rows = 24})));
}

TEST(LiveScreens, OneCardInChinese) {
  LiveModel model = waving_model(1);
  model.gpus[0].verdicts = {input_bound()};
  LiveStatus status = usual_status();
  status.paused = true;
  expect_as_recorded("screens/one_card_chinese.txt",
                     painted(layout_live(model, status, {.columns = 100, .rows = 34, .language = Language::zh})));
}

TEST(LiveScreens, OneCardWithoutUtf8) {
  LiveModel model = waving_model(1);
  model.gpus[0].verdicts = {input_bound()};
  expect_as_recorded("screens/one_card_ascii.txt",
                     painted(layout_live(model, usual_status(), {.columns = 90, .rows = 30, .utf8 = false})));
}

TEST(LiveScreens, ThreeCardsWithTroubles) {
  LiveModel model = waving_model(3);
  model.gpus[0].throttled = throttle_thermal_hardware | throttle_power_cap;
  (*model.gpus[0].sample)[Metric::temperature] = Reading::of(86);
  (*model.gpus[0].sample)[Metric::ecc_uncorrected] = Reading::of(2);
  model.gpus[1].problem = GpuProblem{"GPU is lost (code 15)", "reset the GPU or reboot", 15};
  model.gpus[1].sample.reset();
  model.gpus[2].stuck_for_s = 75;
  model.gpus[2].sample.reset();
  model.missed = 4;
  LiveStatus status = usual_status();
  status.selected = 1;
  status.source = {"through nvidia-smi: fewer values", "经由nvidia-smi：数据较少"};
  expect_as_recorded("screens/three_cards.txt", painted(layout_live(model, status, {.columns = 110, .rows = 44})));
  expect_as_recorded("screens/three_cards_table.txt",
                     painted(layout_live(model, status, {.columns = 110, .rows = 16})));
}

TEST(LiveScreens, ManyCardsAreATableWithTheSelectedOneBelow) {
  LiveModel model = waving_model(12);
  model.gpus[7].verdicts = {input_bound()};
  LiveStatus status = usual_status();
  status.selected = 7;
  expect_as_recorded("screens/twelve_cards.txt", painted(layout_live(model, status, {.columns = 132, .rows = 36})));
  expect_as_recorded("screens/twelve_cards_narrow.txt",
                     painted(layout_live(model, status, {.columns = 46, .rows = 12})));
}

TEST(LiveScreens, WithoutACardTheReasonsAndTheHelp) {
  LiveStatus status = usual_status();
  status.driver_version = "";
  status.problems = {
      {"NVML: driver/library version mismatch (code 18)", "reboot, or reload the nvidia kernel module", 18}};
  const LiveModel model = waving_model(0);
  expect_as_recorded("screens/no_card.txt", painted(layout_live(model, status, {.columns = 70, .rows = 20})));
  status.help = true;
  expect_as_recorded("screens/help.txt", painted(layout_live(model, status, {.columns = 70, .rows = 20})));
}

}  // namespace
}  // namespace wring::live

#include "wring/console/progress_view.h"

#include <cmath>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "wring/base/display_text.h"

namespace wring {
namespace {
using testing::HasSubstr;
using testing::Not;

constexpr ProgressLook kAscii{false, false};

// 450 of 1000 after 12 s, at 30 a second.
ProgressState halfway() {
  ProgressState state;
  state.label = "train";
  state.total = 1000;
  state.start_s = 100;
  state.fields = {"512 samples/s", "loss 0.0123", "PSNR 31.20", "data wait 3%"};
  for (int second = 0; second <= 12; ++second) state.rate.add(100 + second, 90 + 30 * second);
  state.done = 450;
  return state;
}

TEST(ProgressView, ShowsPercentCountsTimesAndFields) {
  EXPECT_EQ(render_progress_bar(halfway(), kAscii, 130, 112),
            "train  45% |##################----------------------| 450/1000 [0:12<0:18]  512 samples/s  loss 0.0123"
            "  PSNR 31.20  data wait 3%");
}

TEST(ProgressView, NarrowTerminalsDropTheLastFieldsFirstThenTheBar) {
  EXPECT_EQ(render_progress_bar(halfway(), kAscii, 80, 112),
            "train  45% |#######----------| 450/1000 [0:12<0:18]  512 samples/s  loss 0.0123");
  EXPECT_EQ(render_progress_bar(halfway(), kAscii, 55, 112), "train  45% |#########-----------| 450/1000 [0:12<0:18]");
  EXPECT_EQ(render_progress_bar(halfway(), kAscii, 40, 112), "train  45% 450/1000 [0:12<0:18]");
  EXPECT_EQ(render_progress_bar(halfway(), kAscii, 30, 112), "train  45% [0:12<0:18]");
  EXPECT_EQ(render_progress_bar(halfway(), kAscii, 15, 112), "train  45%");
  EXPECT_EQ(render_progress_bar(halfway(), kAscii, 9, 112), "tra  45%");
  EXPECT_EQ(render_progress_bar(halfway(), kAscii, 0, 112), "");
}

TEST(ProgressView, NeverReachesTheLastColumn) {
  ProgressState state = halfway();
  state.label = "训练 train";
  for (const bool utf8 : {true, false}) {
    for (int width = 1; width < 200; ++width) {
      EXPECT_LT(display_width(render_progress_bar(state, {utf8, false}, width, 112)), width);
    }
  }
}

TEST(ProgressView, BlocksShowEighthsAndBothEnds) {
  ProgressState state;
  state.total = 320;
  const auto bar = [&](std::int64_t done) {
    state.done = done;
    const std::string line = render_progress_bar(state, {true, false}, 200, 0);
    return line.substr(line.find('|'), line.rfind('|') + 1 - line.find('|'));
  };
  EXPECT_EQ(bar(0), "|" + std::string(40, ' ') + "|");
  EXPECT_EQ(bar(3), "|▍" + std::string(39, ' ') + "|");
  EXPECT_EQ(bar(8), "|█" + std::string(39, ' ') + "|");
  EXPECT_EQ(display_width(bar(320)), 42);
  EXPECT_THAT(bar(320), Not(HasSubstr(" ")));
}

TEST(ProgressView, HundredPercentMeansDone) {
  ProgressState state = halfway();
  state.done = 999;
  EXPECT_THAT(render_progress_line(state, 130), HasSubstr(" 99% 999/1000"));
  state.done = 1000;
  EXPECT_THAT(render_progress_line(state, 130), HasSubstr("100% 1000/1000 [0:30]"));
}

TEST(ProgressView, ColourIsThereOnlyWhenAskedFor) {
  EXPECT_THAT(render_progress_bar(halfway(), {true, true}, 100, 112), HasSubstr("\x1b[32m"));
  EXPECT_THAT(render_progress_bar(halfway(), {true, false}, 100, 112), Not(HasSubstr("\x1b")));
  // A line too narrow for a bar has nothing to colour, and is still cut to size.
  EXPECT_EQ(render_progress_bar(halfway(), {true, true}, 9, 112), "tra  45%");
}

TEST(ProgressView, AnUnknownTotalHasNoBarAndNoForecast) {
  ProgressState state = halfway();
  state.total = 0;
  EXPECT_EQ(render_progress_bar(state, kAscii, 60, 112), "train 450 [0:12]  512 samples/s  loss 0.0123  PSNR 31.20");
}

TEST(ProgressView, ALogLineHoldsEverything) {
  EXPECT_EQ(render_progress_line(halfway(), 112),
            "train  45% 450/1000 [0:12<0:18]  512 samples/s  loss 0.0123  PSNR 31.20  data wait 3%");
}

TEST(ProgressView, ControlCharactersOfNamesDoNotReachTheTerminal) {
  ProgressState state = halfway();
  state.label = "a\x1b[2Jb";
  state.fields = {"x\r\ny"};
  for (const std::string& line : {render_progress_bar(state, kAscii, 120, 112), render_progress_line(state, 112)}) {
    EXPECT_THAT(line, HasSubstr("a\\x1b[2Jb"));
    EXPECT_THAT(line, HasSubstr("x\\r\\ny"));
  }
}

TEST(ProgressView, BeforeAnythingHasAdvancedTheForecastIsOpen) {
  ProgressState state;
  state.total = 10;
  state.rate.add(0, 0);
  EXPECT_THAT(render_progress_line(state, 3), HasSubstr("[0:03<?]"));
}

TEST(RecentRate, APauseDoesNotSpoilTheForecast) {
  RecentRate rate;
  double now = 0;
  std::int64_t done = 0;
  for (int i = 0; i < 10; ++i) rate.add(now += 2, done += 20);
  rate.add(now += 300, done += 1);  // a validation
  for (int i = 0; i < 5; ++i) rate.add(now += 2, done += 20);
  EXPECT_DOUBLE_EQ(*rate.per_second(), 10.0);
}

TEST(RecentRate, FollowsALastingChange) {
  RecentRate rate;
  double now = 0;
  std::int64_t done = 0;
  for (int i = 0; i < 100; ++i) rate.add(now += 1, done += 100);
  for (int i = 0; i < 32; ++i) rate.add(now += 1, done += 5);
  EXPECT_DOUBLE_EQ(*rate.per_second(), 5.0);
}

TEST(RecentRate, QuickUpdatesAreCountedTogether) {
  RecentRate rate;
  for (int i = 0; i <= 5000; ++i) rate.add(i * 0.001, i);
  EXPECT_NEAR(*rate.per_second(), 1000.0, 1.0);
}

TEST(RecentRate, IsKnownBeforeTheFirstIntervalIsOver) {
  RecentRate rate;
  EXPECT_EQ(rate.per_second(), std::nullopt);
  rate.add(0, 100);  // a resumed run: these 100 were not done now
  EXPECT_EQ(rate.per_second(), std::nullopt);
  rate.add(0.5, 120);
  EXPECT_DOUBLE_EQ(*rate.per_second(), 40.0);
}

TEST(ProgressView, DurationsReadAtAGlance) {
  EXPECT_EQ(format_duration(0), "0:00");
  EXPECT_EQ(format_duration(67.9), "1:07");
  EXPECT_EQ(format_duration(3723), "1:02:03");
  EXPECT_EQ(format_duration(3 * 86400 + 4 * 3600 + 300), "3d 04:05");
  EXPECT_EQ(format_duration(-1), "?");
  EXPECT_EQ(format_duration(std::numeric_limits<double>::infinity()), "?");
  EXPECT_EQ(format_duration(1e18), "?");
}

TEST(DisplayText, WideCharactersTakeTwoColumns) {
  EXPECT_EQ(display_width("train"), 5);
  EXPECT_EQ(display_width("训练"), 4);
  EXPECT_EQ(display_width("🎯"), 2);
  EXPECT_EQ(display_width("█▍"), 2);
  EXPECT_EQ(display_width("e\u0301"), 1);
  EXPECT_EQ(display_width("\xff\xe8"), 2);  // broken bytes are shown somehow
}

TEST(DisplayText, CuttingKeepsCharactersWhole) {
  EXPECT_EQ(fit_columns("训练 loss", 3), "训");
  EXPECT_EQ(fit_columns("训练 loss", 6), "训练 l");
  EXPECT_EQ(fit_columns("ab", 10), "ab");
}

}  // namespace
}  // namespace wring

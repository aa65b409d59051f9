#include "wring/report/svg_plot.h"

#include <regex>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fixtures/as_recorded.h"

namespace wring {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing_support::expect_as_recorded;

struct Position {
  double x, y;
};

// Where the plot put its dots.
std::vector<Position> dots(const std::string& svg) {
  const std::regex dot(R"re(<circle class="dot" cx="([0-9.]+)" cy="([0-9.]+)")re");
  std::vector<Position> found;
  for (std::sregex_iterator it(svg.begin(), svg.end(), dot), end; it != end; ++it) {
    found.push_back({std::stod((*it)[1]), std::stod((*it)[2])});
  }
  return found;
}

Plot plot_of(std::vector<PlotPoint> points) {
  return {"Rate", "batch", "samples/s", {{"measured", "measured", PlotMark::dots, std::move(points)}}, {}};
}

TEST(RoundTicks, AreMultiplesOfOneTwoOrFive) {
  EXPECT_THAT(round_ticks(0, 1000, 5), ElementsAre(0, 200, 400, 600, 800, 1000));
  EXPECT_THAT(round_ticks(0, 0.9, 3), ElementsAre(0, 0.5, 1.0));
  EXPECT_THAT(round_ticks(3, 3, 5), IsEmpty());
  EXPECT_THAT(round_ticks(3, 9, 0), IsEmpty());
  EXPECT_THAT(round_ticks(0, 100, 1), ElementsAre(0, 100));
  EXPECT_THAT(round_ticks(0, 6, 10), ElementsAre(0, 1, 2, 3, 4, 5, 6));
  EXPECT_THAT(round_ticks(0, 51, 10), ElementsAre(0, 10, 20, 30, 40, 50, 60)) << "6 a step are too little, 10 the next";
  EXPECT_THAT(round_ticks(37, 52, 5), ElementsAre(35, 40, 45, 50, 55)) << "from the one below";
}

TEST(SvgPlot, PutsALargerValueHigherAndALargerBatchFurtherRight) {
  const auto found = dots(svg_plot(plot_of({{8, 100, ""}, {16, 200, ""}, {24, 400, ""}})));
  ASSERT_EQ(found.size(), 3U);
  EXPECT_LT(found[0].x, found[1].x);
  EXPECT_LT(found[1].x, found[2].x);
  EXPECT_GT(found[0].y, found[1].y);
  EXPECT_GT(found[1].y, found[2].y);
  EXPECT_NEAR(found[2].x - found[1].x, found[1].x - found[0].x, 0.2) << "evenly spaced batches";
  EXPECT_NEAR(found[0].y - found[1].y, (found[1].y - found[2].y) / 2, 0.2) << "from 0, linear";
}

TEST(SvgPlot, SpacesDoublingsEvenlyWhereTheBatchesSpanMuch) {
  const auto found = dots(svg_plot(plot_of({{4, 1, ""}, {8, 1, ""}, {16, 1, ""}, {256, 1, ""}})));
  ASSERT_EQ(found.size(), 4U);
  EXPECT_NEAR(found[1].x - found[0].x, found[2].x - found[1].x, 0.2);
}

TEST(SvgPlot, StaysInsideItsFrameForOneTrialAndForRatesOfZero) {
  for (const auto& points : {std::vector<PlotPoint>{{16, 500, ""}}, {{16, 0, ""}, {32, 0, ""}}}) {
    const std::string svg = svg_plot(plot_of(points));
    EXPECT_THAT(svg, Not(HasSubstr("nan")));
    EXPECT_THAT(svg, Not(HasSubstr("inf")));
    for (const Position& dot : dots(svg)) {
      EXPECT_GE(dot.x, 0);
      EXPECT_LE(dot.x, 640);
      EXPECT_GE(dot.y, 0);
      EXPECT_LE(dot.y, 320);
    }
  }
}

// Every mark, a level, a legend; the batches span so much that the axis is logarithmic, then not.
TEST(SvgPlot, IsThePictureThatWasRecorded) {
  Plot plot{"Rate",
            "batch size",
            "samples/s",
            {{"fitted", "fitted", PlotMark::line, {{8, 90, ""}, {64, 500, ""}, {512, 800, ""}}},
             {"did not run", "failed", PlotMark::crosses, {{1024, 0, "batch 1024: out of memory"}}},
             {"measured", "measured", PlotMark::dots, {{8, 100, "batch 8"}, {512, 780, "batch 512"}}},
             {"", "chosen", PlotMark::ring, {{512, 780, ""}}},
             {"nothing", "none", PlotMark::dots, {}}},
            {{900, "the most"}}};
  expect_as_recorded("plots/logarithmic.html", svg_plot(plot));
  plot.series.resize(1);
  plot.series[0].points = {{8, 90, ""}, {24, 220, ""}, {100, 400, ""}};
  plot.levels.clear();
  expect_as_recorded("plots/linear.html", svg_plot(plot));
}

TEST(SvgPlot, IsNothingWithoutPoints) {
  EXPECT_EQ(svg_plot(plot_of({})), "");
}

TEST(SvgPlot, EscapesTitlesAndTips) {
  Plot plot = plot_of({{8, 100, "<script>x</script>"}});
  plot.title = "a & b";
  const std::string svg = svg_plot(plot);
  EXPECT_THAT(svg, Not(HasSubstr("<script")));
  EXPECT_THAT(svg, HasSubstr("&lt;script&gt;"));
  EXPECT_THAT(svg, HasSubstr("a &amp; b"));
}

}  // namespace
}  // namespace wring

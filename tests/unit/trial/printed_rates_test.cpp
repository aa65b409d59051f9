#include "wring/trial/printed_rates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "wring/base/error.h"

namespace wring {
namespace {

using testing::HasSubstr;

TEST(PrintedRates, TheFirstGroupIsTheRate) {
  const RatePattern pattern("speed: ([0-9.,]+) (samples|images)/s");
  EXPECT_EQ(pattern.rate_in("step 3 | speed: 812.5 samples/s | loss 0.1"), 812.5);
  EXPECT_EQ(pattern.rate_in("speed: 1,234.5 images/s"), 1234.5);
  EXPECT_EQ(pattern.rate_in("speed: 1,234,567 images/s"), 1234567);
}

TEST(PrintedRates, ACommaThatMayBeADecimalOneMakesNoRate) {
  const RatePattern pattern("speed: ([0-9.,]+)");
  for (const char* line :
       {"speed: 1,5", "speed: 1,23", "speed: 1,2345", "speed: ,123", "speed: 1,234,5", "speed: 1.5,000"}) {
    EXPECT_FALSE(pattern.rate_in(line)) << line;
  }
  EXPECT_EQ(pattern.rate_in("speed: 1,000"), 1000) << "grouped by thousands, as programs print it";
}

TEST(PrintedRates, WhatIsNoPositiveNumberIsNoRate) {
  const RatePattern pattern("speed: (\\S*)");
  for (const char* line : {"", "loss 0.1", "speed: ", "speed: fast", "speed: 0", "speed: -4", "speed: nan",
                           "speed: inf", "speed: 12x", "speed: 1e999"}) {
    EXPECT_FALSE(pattern.rate_in(line)) << line;
  }
}

TEST(PrintedRates, OfALongLineTheBeginningIsRead) {
  const RatePattern pattern("^(?:x|y)*speed: ([0-9]+)");
  EXPECT_FALSE(pattern.rate_in(std::string(60'000, 'x') + "speed: 5"));
  EXPECT_EQ(pattern.rate_in("speed: 5" + std::string(60'000, 'x')), 5);
}

// What backtracks needs longer for such a line than there will ever be.
TEST(PrintedRates, NoExpressionHangs) {
  const std::string line = std::string(4000, 'a') + "!";
  for (const char* expression : {"^(a+)+$", "(a|aa)+$", "(a*)*b", "(.*)*(.*)*(.*)*([0-9])x"}) {
    EXPECT_FALSE(RatePattern(expression).rate_in(line)) << expression;
  }
}

TEST(PrintedRates, WhatNoTimeCanBePromisedForIsNamed) {
  const std::vector<std::pair<const char*, const char*>> parts = {{"(?=x)([0-9]+)", "a look-ahead"},
                                                                  {"([0-9]+)(?!x)", "a look-ahead"},
                                                                  {"(?<=speed: )([0-9]+)", "a look-behind"},
                                                                  {"(?<!loss: )([0-9]+)", "a look-behind"},
                                                                  {"(a)\\1([0-9]+)", "a back-reference"}};
  for (const auto& [expression, part] : parts) {
    try {
      const RatePattern pattern(expression);
      ADD_FAILURE() << "not refused: " << expression;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::usage);
      EXPECT_THAT(error.what(), HasSubstr(part));
      EXPECT_THAT(error.what(), HasSubstr(expression));
      EXPECT_THAT(error.hint().en, HasSubstr("as it is printed"));
    }
  }
}

TEST(PrintedRates, AnyTextMayStandAroundTheRate) {
  EXPECT_EQ(RatePattern(".*speed: ([0-9.]+)").rate_in("caf\xe9 speed: 7"), 7) << "no UTF-8";
  EXPECT_EQ(RatePattern("速度[:：]\\s*([0-9.]+)").rate_in("第 3 步 速度：12.5"), 12.5);
  EXPECT_EQ(RatePattern(R"((?:speed|rate)=(\d[\d,]*\.?\d*)\b)").rate_in("rate=1,024.5 img/s"), 1024.5);
}

TEST(PrintedRates, ABadExpressionIsAUsageErrorWithAnExample) {
  for (const char* expression : {"speed: ([0-9", "speed: [0-9.]+", "*"}) {
    try {
      const RatePattern pattern(expression);
      ADD_FAILURE() << "not refused: " << expression;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::usage);
      EXPECT_THAT(error.what(), HasSubstr(expression));
      EXPECT_THAT(error.hint().en, HasSubstr("--rate-regex"));
      EXPECT_NE(error.message().zh, error.message().en);
    }
  }
}

TEST(PrintedRates, TheMedianLeavesOutTheFirstTwo) {
  const RateSummary summary = summarise_rates({1, 2, 100, 400, 200}, 50);
  EXPECT_EQ(summary.samples_per_s, 200);
  EXPECT_EQ(summary.step_ms.n, 3);
  EXPECT_DOUBLE_EQ(summary.step_ms.median, 250);  // of 125, 250, 500 ms
  EXPECT_DOUBLE_EQ(summary.step_ms.mad, 125);     // of 125, 0, 250
  EXPECT_DOUBLE_EQ(summary.step_ms.p95, 250 + 0.9 * 250);
}

TEST(PrintedRates, FewRatesAreAllThereIs) {
  EXPECT_EQ(summarise_rates({8}, 16).samples_per_s, 8);
  EXPECT_EQ(summarise_rates({8, 10}, 16).samples_per_s, 9);
  EXPECT_EQ(summarise_rates({1, 2, 7}, 16).samples_per_s, 7);
}

TEST(PrintedRates, WithoutABatchThereAreNoStepTimes) {
  const RateSummary summary = summarise_rates({5, 5, 5, 5}, std::nullopt);
  EXPECT_EQ(summary.samples_per_s, 5);
  EXPECT_EQ(summary.step_ms.median, 0);
  EXPECT_EQ(summary.step_ms.n, 2);
}

}  // namespace
}  // namespace wring

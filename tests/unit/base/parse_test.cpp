#include "wring/base/parse.h"

#include <cmath>
#include <cstdint>

#include <gtest/gtest.h>

namespace wring {
namespace {

TEST(ParseNumber, TakesTheWholeText) {
  EXPECT_EQ(parse_number<int>("42"), 42);
  EXPECT_EQ(parse_number<std::int64_t>("-9223372036854775808"), INT64_MIN);
  EXPECT_EQ(parse_number<double>("1e-4"), 1e-4);
  EXPECT_TRUE(std::isinf(parse_number<double>("inf").value()));
  for (const char* text : {"", " ", "4 ", " 4", "+4", "4x", "0x10", "x", "-"}) {
    EXPECT_EQ(parse_number<int>(text), std::nullopt) << text;
    EXPECT_EQ(parse_number<double>(text), std::nullopt) << text;
  }
  EXPECT_EQ(parse_number<int>("4.0"), std::nullopt);
}

TEST(ParseNumber, WhatDoesNotFitIsNone) {
  EXPECT_EQ(parse_number<std::uint16_t>("65535"), 65535);
  EXPECT_EQ(parse_number<std::uint16_t>("65536"), std::nullopt);
  EXPECT_EQ(parse_number<std::uint16_t>("-1"), std::nullopt);
  EXPECT_EQ(parse_number<double>("1e999"), std::nullopt);
}

TEST(ParseLeading, StopsWhereTheNumberEnds) {
  EXPECT_EQ(parse_leading<int>("4(x2),3"), 4);
  EXPECT_EQ(parse_leading<double>("12.5 W"), 12.5);
  EXPECT_EQ(parse_leading<int>("W 12"), std::nullopt);
  EXPECT_EQ(parse_leading<int>("99999999999"), std::nullopt);
}

TEST(ParseCNumber, TakesWhatStrtodTakesButNothingBehindIt) {
  EXPECT_EQ(parse_c_number("2.5"), 2.5);
  EXPECT_EQ(parse_c_number(" +2.5"), 2.5);
  EXPECT_EQ(parse_c_number("0x10"), 16);
  EXPECT_TRUE(std::isinf(parse_c_number("1e999").value()));
  for (const std::string& text : {std::string(), std::string(" "), std::string("2 "), std::string("2x"),
                                  std::string("x"), std::string("2\0", 2)}) {
    EXPECT_EQ(parse_c_number(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace wring

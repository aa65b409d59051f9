#include "wring/base/json.h"

#include <cstdint>
#include <limits>
#include <string>

#include <gtest/gtest.h>

namespace wring {
namespace {

TEST(OrNull, KeepsTheTypeOfWhatThereIs) {
  EXPECT_EQ(or_null(std::optional<std::int64_t>(9'007'199'254'740'993)).dump(), "9007199254740993");
  EXPECT_EQ(or_null(std::optional(0.1)).dump(), "0.1");
  EXPECT_EQ(or_null(std::optional(false)).dump(), "false");
  EXPECT_EQ(or_null(std::optional<std::string>("")).dump(), "\"\"");
  EXPECT_EQ(or_null(std::optional<std::string>()).dump(), "null");
}

TEST(JsonNumber, IsRoundedToAThousandth) {
  EXPECT_EQ(json_number(99.99951).dump(), "100.0");
  EXPECT_EQ(json_number(0.12349).dump(), "0.123");
  EXPECT_EQ(json_number(-2.0).dump(), "-2.0");
}

TEST(JsonNumber, WhatIsNoNumberIsNull) {
  EXPECT_EQ(json_number(std::nullopt).dump(), "null");
  EXPECT_EQ(json_number(std::numeric_limits<double>::infinity()).dump(), "null");
  EXPECT_EQ(json_number(std::numeric_limits<double>::quiet_NaN()).dump(), "null");
}

}  // namespace
}  // namespace wring

#include "wring/gpu/nvml/errors.h"

#include <set>

#include <gtest/gtest.h>

namespace wring::nvml {
namespace {

bool has_chinese(const std::string& text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) >= 0xE4) return true;
  }
  return false;
}

TEST(NvmlErrors, EveryCodeHasAMessageAndACureInBothLanguages) {
  for (int code = 1; code <= 30; ++code) {
    const int wanted = code <= 29 ? code : 999;
    const ErrorRow& row = error_row(wanted);
    EXPECT_EQ(row.code, wanted);
    EXPECT_FALSE(row.message.en.empty()) << wanted;
    EXPECT_FALSE(row.cure.en.empty()) << wanted;
    EXPECT_FALSE(has_chinese(row.message.en + row.cure.en)) << wanted;
    EXPECT_TRUE(has_chinese(row.cure.zh)) << wanted;
    EXPECT_NE(row.message.zh, row.message.en) << wanted;
  }
}

TEST(NvmlErrors, NoCodeAndNoMessageStandsTwiceInTheTable) {
  std::set<int> codes;
  std::set<std::string> messages;
  for (const ErrorRow& row : error_rows()) {
    EXPECT_TRUE(codes.insert(row.code).second) << row.code;
    EXPECT_TRUE(messages.insert(row.message.en).second) << row.message.en;
  }
}

TEST(NvmlErrors, ACodeNewerThanTheTableIsAnUnknownError) {
  EXPECT_EQ(error_row(12345).code, 999);
}

TEST(NvmlErrors, AVersionMismatchIsCuredByARebootOrAReload) {
  EXPECT_NE(error_row(18).cure.en.find("reboot, or reload"), std::string::npos);
}

}  // namespace
}  // namespace wring::nvml

#include "wring/console/text_table.h"

#include <gtest/gtest.h>

namespace wring {
namespace {

TEST(TextTable, StandsUnderEachOtherWithWideCharacters) {
  TextTable table({{"批大小"}, {"name", TextTable::Align::left}, {"rate"}});
  table.row({"8", "一", "10"});
  table.row({"128", "ab", "2000"});
  EXPECT_EQ(table.text(),
            "  批大小  name  rate\n"
            "       8  一      10\n"
            "     128  ab    2000\n");
}

TEST(TextTable, LeavesOutAColumnWithoutCells) {
  TextTable table({{"a"}, {"empty"}, {"b"}});
  table.row({"1", "", "2"});
  table.row({"3"});
  EXPECT_EQ(table.text(0), "a  b\n1  2\n3\n");
}

TEST(TextTable, ShowsControlCharactersAsWhatTheyAreNot) {
  TextTable table({{"a"}});
  table.row({"x\x1b[31my\n"});
  EXPECT_EQ(table.text(0).find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace wring

#include "wring/base/json_text.h"

#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "wring/base/display_text.h"

namespace wring {
namespace {

using Json = nlohmann::ordered_json;

std::string read_back(const std::string& text) {
  return Json::parse(json_text(Json(text))).get<std::string>();
}

TEST(JsonText, IsTheUsualJsonOfCleanValues) {
  const Json value = {{"name", "显存 é \"q\" C:\\new"}, {"list", {1, 2.5, nullptr, true}}, {"none", Json::object()}};
  EXPECT_EQ(json_text(value), value.dump());
  EXPECT_EQ(json_text(value, 2), value.dump(2));
}

TEST(JsonText, ANameInLatin1IsValidJsonInKeysAndValues) {
  const Json value = {{"bad\xff", {"caf\xe9.png"}}};
  const Json parsed = Json::parse(json_text(value));
  EXPECT_EQ(parsed.items().begin().key(), "bad\\x{ff}");
  EXPECT_EQ(parsed.at("bad\\x{ff}").at(0), "caf\\x{e9}.png");
}

TEST(JsonText, NamesThatDifferStayDifferent) {
  const std::set<std::string> names = {"a\xff",   "a\xfe",  "a\\x{ff}",  "a\\x{5c}x{ff}",
                                       "a\\\xff", "a\\xff", "a\xc3\xbf", "a\uFFFD"};
  std::set<std::string> written;
  for (const std::string& name : names) written.insert(read_back(name));
  EXPECT_EQ(written.size(), names.size());
}

TEST(JsonText, EveryEscapeStandsForOneByte) {
  EXPECT_EQ(read_back("a\\x{ff}"), "a\\x{5c}x{ff}");
  EXPECT_EQ(read_back("\xed\xa0\x80"), "\\x{ed}\\x{a0}\\x{80}");
  for (const char* other : {"a\\x{FF} \\x{ff \\x{g0}", "\\x{", "what a terminal is shown: \\x1b \\xff"}) {
    EXPECT_EQ(read_back(other), other) << "no such escape";
  }
}

TEST(JsonText, NothingInItSteersATerminalAndAllOfItComesBack) {
  const std::string text = "a\x1b]0;t\x07 \x7f \u009b \u202e \u2028 z";
  const std::string json = json_text(Json(text));
  EXPECT_EQ(without_controls(json), json);
  EXPECT_EQ(Json::parse(json).get<std::string>(), text);
}

}  // namespace
}  // namespace wring

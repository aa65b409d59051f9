#include "wring/base/shell_words.h"

#include <gtest/gtest.h>

#include "wring/base/child_process.h"

namespace wring {
namespace {

TEST(ShellWords, APlainWordStaysAsItIsSoThatItMayStandInQuotes) {
  for (const char* word : {"configs/mine.yaml", "--budget", "lr=0.1", "user@host:/a+b,c", "100%"}) {
    EXPECT_EQ(shell_quoted(word), word);
  }
}

TEST(ShellWords, AShellReadsEveryWordBack) {
  const std::vector<std::string> words = {"",      "two words", "it's",        "\"quoted\"", "$HOME `ls` \\n",
                                          "a;b&c", "*?[x]~#!",  "line\nbreak", "\xff byte",  "配置.yaml"};
  const ChildResult result = run_child({"/bin/sh", "-c", "printf '%s|' " + shell_line(words)});
  ASSERT_TRUE(result.ok()) << result.err;
  std::string expected;
  for (const std::string& word : words) expected += word + "|";
  EXPECT_EQ(result.out, expected);
}

}  // namespace
}  // namespace wring

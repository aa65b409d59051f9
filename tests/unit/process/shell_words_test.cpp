#include "wring/process/shell_words.h"

#include <gtest/gtest.h>

#include "wring/base/display_text.h"
#include "wring/process/child_process.h"

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
  std::string line, expected;
  for (const std::string& word : words) {
    line += " " + sh_quoted(word);
    expected += word + "|";
  }
  const ChildResult result = run_child({"/bin/sh", "-c", "printf '%s|'" + line});
  ASSERT_TRUE(result.ok()) << result.err;
  EXPECT_EQ(result.out, expected);
}

TEST(ShellWords, ALineToPasteHasNothingThatSteersATerminalAndBashReadsItBack) {
  const std::vector<std::string> words = {"it's \x1b]0;t\x07",
                                          "\xff\\n byte",
                                          "a\u202e1",
                                          "line\nbreak",
                                          "two words",
                                          "7\x1b"
                                          "7"};
  const std::string line = shell_line(words);
  EXPECT_EQ(without_controls(line), line);
  const ChildResult result = run_child({"bash", "-c", "printf '%s|' " + line});
  ASSERT_TRUE(result.ok()) << result.err;
  std::string expected;
  for (const std::string& word : words) expected += word + "|";
  EXPECT_EQ(result.out, expected);
}

TEST(ShellWords, AFileThatBeginsWithADashIsNoOption) {
  EXPECT_EQ(shell_quoted_path("-x.yaml"), "./-x.yaml");
  EXPECT_EQ(shell_quoted_path("a/-x.yaml"), "a/-x.yaml");
}

}  // namespace
}  // namespace wring

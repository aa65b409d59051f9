#include "wring/base/message.h"

#include <gtest/gtest.h>

#include "fixtures/scoped_environment.h"

namespace wring {
namespace {

// What the printing function leaves on the stream.
template <typename Print>
std::string printed_out(Print print) {
  testing::internal::CaptureStdout();
  print();
  std::fflush(stdout);
  return testing::internal::GetCapturedStdout();
}

template <typename Print>
std::string printed_err(Print print) {
  testing::internal::CaptureStderr();
  print();
  return testing::internal::GetCapturedStderr();
}

class Messages : public testing::Test {
 protected:
  Messages() { environment_.set("LC_ALL", "C.UTF-8"); }

 private:
  testing_support::ScopedEnvironment environment_;
};

TEST_F(Messages, NoNameReachesTheTerminalWithWhatSteersIt) {
  const std::string name = "a\x1b[31m\x1b]0;t\x07\u009b\u202e\xff.png";
  const std::string shown = "a\\x1b[31m\\x1b]0;t\\x07\\u009b\\u202e\\xff.png\n";
  EXPECT_EQ(printed_out([&] { print_out("{}\n", name); }), shown);
  EXPECT_EQ(printed_err([&] { write_message(name + "\n"); }), shown);
}

TEST_F(Messages, PaintedOnesKeepColoursAndNothingElse) {
  const std::string text = "\x1b[31mred\x1b[0m \x1b[2J\x1b[K\x1b[;m\x1b[111m\x1b]0;t\x07\x1b\x1b[1mz";
  const std::string shown = "\x1b[31mred\x1b[0m \\x1b[2J\\x1b[K\\x1b[;m\\x1b[111m\\x1b]0;t\\x07\\x1b\x1b[1mz";
  EXPECT_EQ(printed_out([&] { write_painted_output(text); }), shown);
  EXPECT_EQ(printed_err([&] { write_painted_message(text); }), shown);
}

TEST_F(Messages, SeveralLinesStaySeveral) {
  EXPECT_EQ(printed_out([] { print_out("a\n\tb {}\n", 1); }), "a\n\tb 1\n");
}

}  // namespace
}  // namespace wring

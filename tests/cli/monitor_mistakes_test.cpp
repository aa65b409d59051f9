// wring monitor: mistakes that are told at the start, and failures that --quiet does not hide.
#include <csignal>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fixtures/programs.h"

namespace wring {
namespace {

using namespace testing_support;
using testing::HasSubstr;

ChildResult monitor(const Programs& programs, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "monitor");
  return programs.wring(arguments);
}

TEST(MonitorMistakes, LogAndSummaryCannotBeOneFile) {
  const Programs programs;
  for (const char* name : {"a.json", "./a.json"}) {
    const ChildResult result = monitor(programs, {"1", "--log", "a.json", "--summary", name});
    EXPECT_EQ(result.exit_status, 2);
    EXPECT_THAT(result.err, HasSubstr("--log and --summary name the same file"));
  }
}

TEST(MonitorMistakes, TheSummaryCannotHaveTheNameOfAnOlderLog) {
  const Programs programs;
  const ChildResult result = monitor(programs, {"1", "--log", "a.csv", "--summary", "./a.csv.2"});
  EXPECT_EQ(result.exit_status, 2);
  EXPECT_THAT(result.err, HasSubstr("--summary has the name of an older log"));
}

TEST(MonitorMistakes, ASummaryThatCannotBeWrittenIsToldAtTheStart) {
  const Programs programs;
  std::filesystem::create_directories(programs.folder().path() / "folder");
  for (const char* name : {"missing/s.json", "folder"}) {
    // Without an end: only the check at the start ends it.
    const ChildResult result = monitor(programs, {"--summary", name});
    EXPECT_EQ(result.exit_status, 1) << name;
    EXPECT_THAT(result.err, HasSubstr(std::string(name).substr(0, 6)));
  }
}

TEST(MonitorMistakes, ALogIsNotAppendedToAnotherFile) {
  const Programs programs;
  programs.folder().write("notes.csv", "my notes\n");
  const ChildResult result = monitor(programs, {"--log", "notes.csv"});
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.err, HasSubstr("is not a log of this kind"));
  EXPECT_EQ(programs.read("notes.csv"), "my notes\n");
}

TEST(MonitorMistakes, MoreSecondsThanAClockHoldsAreRefused) {
  const Programs programs;
  EXPECT_EQ(monitor(programs, {"1e10"}).exit_status, 2);
  EXPECT_EQ(programs.optimize_gpu({"--monitor", "1e10"}).exit_status, 2);
}

TEST(MonitorMistakes, ASignalThatWouldEndItWithoutAWordEndsItWithTheSummary) {
  const Programs programs;
  for (const char* signal : {"USR1", "ALRM"}) {
    const ChildResult result = programs.run(
        "/bin/sh",
        {"-c", "\"$0\" monitor --interval 0.1 > out & sleep 0.7; kill -" + std::string(signal) + " $!; wait $!",
         Programs::binary("wring")});
    EXPECT_EQ(result.exit_status, 0) << result.err;
    EXPECT_THAT(programs.read("out"), HasSubstr("Monitor summary"));
  }
}

TEST(MonitorMistakes, QuietStillTellsThePortThatWasChosen) {
  EXPECT_THAT(monitor(Programs(), {"0.2", "--interval", "0.1", "--quiet", "--serve", "127.0.0.1:0"}).err,
              HasSubstr("http://127.0.0.1:"));
}

}  // namespace
}  // namespace wring

#include "wring/process/child_process.h"

#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "fixtures/temporary_folder.h"
#include "wring/base/error.h"
#include "wring/files/files.h"

namespace wring {
namespace {

using testing_support::TemporaryFolder;

ChildResult shell(const std::string& script, const ChildOptions& options = {}) {
  return run_child({"sh", "-c", script}, options);
}

// Gone, or dead and not yet reaped by whoever inherited it.
bool has_ended(pid_t process) {
  try {
    const std::string status = read_file("/proc/" + std::to_string(process) + "/stat");
    return status.find(") Z") != std::string::npos;
  } catch (const Error&) {
    return true;
  }
}

TEST(ChildProcess, ReturnsTheExitStatusAndBothOutputsApart) {
  const ChildResult result = shell("echo out; echo err >&2; exit 3");
  EXPECT_EQ(result.exit_status, 3);
  EXPECT_FALSE(result.signal);
  EXPECT_FALSE(result.timed_out);
  EXPECT_EQ(result.out, "out\n");
  EXPECT_EQ(result.err, "err\n");
}

TEST(ChildProcess, ArgumentsReachTheProgramWithoutAShell) {
  EXPECT_EQ(run_child({"printf", "%s|", "a b", "$HOME", "*"}).out, "a b|$HOME|*|");
}

TEST(ChildProcess, OutputLargerThanAPipeIsWhole) {
  const ChildResult result = shell("head -c 1000000 /dev/zero; head -c 500000 /dev/zero >&2");
  EXPECT_EQ(result.out.size(), 1000000u);
  EXPECT_EQ(result.err.size(), 500000u);
}

TEST(ChildProcess, OneThatPrintsMoreThanItMayIsKilled) {
  ChildOptions options;
  options.most_output = 100000;
  for (const char* script : {"yes", "yes >&2", "head -c 200000 /dev/zero"}) {
    const ChildResult result = shell(script, options);
    EXPECT_TRUE(result.printed_too_much) << script;
    EXPECT_FALSE(result.timed_out) << script;
    EXPECT_LT(result.out.size() + result.err.size(), 200000u) << script;
  }
  EXPECT_FALSE(shell("head -c 100000 /dev/zero", options).printed_too_much);
}

TEST(ChildProcess, ReportsTheSignalThatEndedTheChild) {
  const ChildResult result = shell("kill -TERM $$");
  EXPECT_EQ(result.signal, SIGTERM);
  EXPECT_FALSE(result.exit_status);
  EXPECT_FALSE(result.timed_out);
}

TEST(ChildProcess, ATimeoutKillsTheWholeProcessGroupAndKeepsTheOutputSoFar) {
  const ChildResult result =
      shell("sleep 1000 & echo $!; wait",
            {.timeout = std::chrono::milliseconds(300), .working_folder = {}, .environment = {}});
  EXPECT_TRUE(result.timed_out);
  EXPECT_EQ(result.signal, SIGKILL);
  const pid_t grandchild = std::stoi(result.out);
  for (int i = 0; i < 1000 && !has_ended(grandchild); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  EXPECT_TRUE(has_ended(grandchild));
}

TEST(ChildProcess, AGrandchildThatKeepsThePipesOpenDoesNotHoldTheResultBack) {
  const ChildResult result = shell("sleep 1000 & echo $!; exit 0");
  EXPECT_EQ(result.exit_status, 0);
  const pid_t grandchild = std::stoi(result.out);
  EXPECT_FALSE(has_ended(grandchild));
  ::kill(grandchild, SIGKILL);
}

TEST(ChildProcess, AGrandchildThatPrintsWithoutEndDoesNotHoldTheResultBack) {
  EXPECT_EQ(shell("yes & exit 0").exit_status, 0);
}

TEST(ChildProcess, AProgramThatDoesNotExistIsAnErrorThatNamesIt) {
  try {
    run_child({"/nonexistent/program"});
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("/nonexistent/program"));
    EXPECT_EQ(error.code(), ErrorCode::failed);
  }
}

TEST(ChildProcess, VariablesAreSetAndRemovedAndTheWorkingFolderChanges) {
  const TemporaryFolder folder;
  ChildOptions options;
  options.working_folder = folder.path();
  options.environment = {{"WRING_TEST_A", "1"}, {"HOME", std::nullopt}};
  EXPECT_EQ(shell("echo \"$WRING_TEST_A ${HOME-unset} $(pwd -P)\"", options).out,
            "1 unset " + std::filesystem::canonical(folder.path()).string() + "\n");
}

TEST(ChildProcess, OurDescriptorsAreNotInherited) {
  const TemporaryFolder folder;
  const std::filesystem::path file = folder.write("a.txt", "x");
  FILE* open = std::fopen(file.c_str(), "r");  // without O_CLOEXEC
  ASSERT_NE(open, nullptr);
  EXPECT_THAT(shell("ls -l /proc/self/fd").out, testing::Not(testing::HasSubstr("a.txt")));
  std::fclose(open);
}

TEST(ChildProcess, StandardInputIsEmpty) {
  EXPECT_EQ(run_child({"cat"}).exit_status, 0);
}

}  // namespace
}  // namespace wring

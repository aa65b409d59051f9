#include "wring/process/child_pipes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "fixtures/temporary_folder.h"
#include "wring/base/error.h"
#include "wring/process/line_splitter.h"
#include "wring/process/process_tree.h"

namespace wring {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

// Waits until the condition holds, for as long as the child may take on a busy machine.
template <typename Condition>
bool wait_until(ChildPipes& child, Condition condition) {
  for (int i = 0; i < 3000 && !condition(); ++i) child.wait(10ms);
  return condition();
}

std::string out_until(ChildPipes& child, const std::string& end) {
  std::string out;
  wait_until(child, [&] {
    out += child.take_out();
    return out.ends_with(end);
  });
  return out;
}

TEST(ChildPipes, WhatIsWrittenIsReadAndAnswered) {
  ChildPipes child({"sh", "-c", "while read -r line; do echo got $line; done; exit 3"});
  child.write("one\n");
  EXPECT_EQ(out_until(child, "\n"), "got one\n");
  child.write("two\n");
  EXPECT_EQ(out_until(child, "\n"), "got two\n");
  EXPECT_FALSE(child.end());
  child.close_input();
  ASSERT_TRUE(wait_until(child, [&] { return child.end().has_value(); }));
  EXPECT_EQ(child.end()->exit_status, 3);
  EXPECT_FALSE(child.end()->signal);
}

TEST(ChildPipes, MoreThanAPipeHoldsIsWrittenWhileTheChildReads) {
  ChildPipes child({"wc", "-c"});
  child.write(std::string(1'000'000, 'x'));
  child.wait(0ms);
  child.write("\n");
  for (int i = 0; i < 50; ++i) child.wait(2ms);
  child.close_input();
  EXPECT_FALSE(out_until(child, "\n").empty());
}

TEST(ChildPipes, BothOutputsAreWholeWhenTheChildHasEnded) {
  ChildPipes child({"sh", "-c", "echo out; echo err >&2"}, {}, ChildPipes::Input::none);
  ASSERT_TRUE(wait_until(child, [&] { return child.end().has_value(); }));
  EXPECT_EQ(child.take_out(), "out\n");
  EXPECT_EQ(child.take_err(), "err\n");
  EXPECT_EQ(child.take_out(), "");
}

TEST(ChildPipes, KillingEndsItBySigkill) {
  ChildPipes child({"sleep", "1000"});
  child.kill();
  ASSERT_TRUE(child.end());
  EXPECT_EQ(child.end()->signal, SIGKILL);
  EXPECT_THAT(descendants(::getpid()), IsEmpty());
}

TEST(ChildPipes, ASignalReachesTheWholeGroup) {
  ChildPipes child({"sh", "-c",
                    "trap 'echo first' TERM; sh -c 'trap \"echo second; exit\" TERM; echo up; sleep 1000 & "
                    "wait' ; echo over"});
  out_until(child, "up\n");
  child.send(SIGTERM);
  EXPECT_THAT(out_until(child, "over\n"), testing::AllOf(testing::HasSubstr("first"), testing::HasSubstr("second")));
}

TEST(ChildPipes, WritingToAChildThatHasEndedRaisesNoSignal) {
  ChildPipes child({"true"});
  ASSERT_TRUE(wait_until(child, [&] { return child.end().has_value(); }));
  child.write("nobody reads this");
  ChildPipes closed({"sh", "-c", "exec <&-; echo closed; sleep 1000"});
  out_until(closed, "closed\n");
  closed.write("nor this");
}

TEST(ChildPipes, APendingSigpipeOfOursStaysPending) {
  sigset_t pipe, before, pending;
  ::sigemptyset(&pipe);
  ::sigaddset(&pipe, SIGPIPE);
  ::pthread_sigmask(SIG_BLOCK, &pipe, &before);
  ::raise(SIGPIPE);
  ChildPipes closed({"sh", "-c", "exec <&-; echo closed; sleep 1000"});
  out_until(closed, "closed\n");
  closed.write("nobody reads this");
  ::sigpending(&pending);
  EXPECT_EQ(::sigismember(&pending, SIGPIPE), 1);
  int taken = 0;
  ::sigwait(&pipe, &taken);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

TEST(ProcessTree, HoldsChildrenOfChildrenWhateverTheirNames) {
  const testing_support::TemporaryFolder proc;
  proc.write("10/stat", "10 (sh) S 1 10 10\n");
  proc.write("11/stat", "11 (a) b (c) S 10 10 10\n");
  proc.write("12/stat", "12 (sleep) S 11 12 12\n");
  proc.write("13/stat", "13 (other) S 1 13 13\n");
  proc.write("14/stat", "");
  proc.write("meminfo", "MemTotal");
  EXPECT_THAT(descendants(10, proc.path()), ElementsAre(11, 12));
  EXPECT_THAT(descendants(99, proc.path()), IsEmpty());
  EXPECT_THAT(descendants(10, proc.path() / "nothing"), IsEmpty());
}

TEST(ProcessTree, TheKernelsListOfChildrenIsByThread) {
  const testing_support::TemporaryFolder proc;
  proc.write("10/task/10/children", "11 12 ");
  proc.write("10/task/15/children", "13 ");
  EXPECT_THAT(children(10, proc.path()), testing::Optional(testing::UnorderedElementsAre(11, 12, 13)));
  proc.write("20/task/20/stat", "20 (sh) S 1\n");
  EXPECT_EQ(children(20, proc.path()), std::nullopt) << "the kernel does not tell";
  std::string many;
  for (int pid = 100000; pid < 101000; ++pid) many += std::to_string(pid) + " ";
  proc.write("30/task/30/children", many);
  const auto all = children(30, proc.path());
  ASSERT_TRUE(all);
  EXPECT_EQ(all->size(), 1000u) << "more than one read of the kernel's gives";
  EXPECT_EQ(all->back(), 100999);
}

TEST(ProcessTree, AProcessIsReadWhateverItsName) {
  const testing_support::TemporaryFolder proc;
  proc.write("7/stat", "7 (a) 1 (b) D 3 7 7 0 -1 0 1 2 3 4 500 20 8 9 20 0 5 0 777 1 2\n");
  const auto stat = read_process_stat(proc.path() / "7");
  ASSERT_TRUE(stat);
  EXPECT_EQ(stat->name, "a) 1 (b");
  EXPECT_EQ(stat->state, 'D');
  EXPECT_EQ(stat->parent, 3);
  EXPECT_EQ(stat->cpu_ticks, 520u);
  EXPECT_EQ(stat->started_ticks, 777u);
  EXPECT_FALSE(read_process_stat(proc.path() / "8"));
}

TEST(LineSplitter, MakesLinesOfPieces) {
  std::vector<std::string> lines;
  const auto keep = [&](std::string_view line) { lines.emplace_back(line); };
  LineSplitter splitter;
  splitter.add("a", keep);
  splitter.add("b\n\nc", keep);
  EXPECT_THAT(lines, ElementsAre("ab", ""));
  splitter.finish(keep);
  EXPECT_THAT(lines, ElementsAre("ab", "", "c"));
}

TEST(LineSplitter, DropsALineThatIsTooLongAndNoOther) {
  std::vector<std::string> lines;
  const auto keep = [&](std::string_view line) { lines.emplace_back(line); };
  LineSplitter splitter("\r\n", 4);
  splitter.add("12345", keep);
  splitter.add("6\r1234\n", keep);
  EXPECT_THAT(lines, ElementsAre("1234"));
}

TEST(OutputTail, HoldsTheLastBytes) {
  OutputTail tail(4);
  for (const char* piece : {"ab", "cd", "e", "f", "", "g", "h", "i"}) tail.add(piece);
  EXPECT_EQ(tail.text(), "fghi");
  tail.add(std::string(100, 'x') + "yz");
  EXPECT_EQ(tail.text(), "xxyz");
  tail.clear();
  EXPECT_EQ(tail.text(), "");
}

}  // namespace
}  // namespace wring

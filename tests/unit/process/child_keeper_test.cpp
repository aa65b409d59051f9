// What a child starts ends with it, and with this program, wherever it went and however that ends.
#include <csignal>
#include <functional>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit/trial/fake_worker.h"
#include "wring/process/cgroup.h"
#include "wring/process/child_pipes.h"
#include "wring/process/process_tree.h"

namespace wring {
namespace {

using namespace std::chrono_literals;
using namespace testing_support;

class ChildKeeper : public testing::Test {
 protected:
  void TearDown() override { EXPECT_THAT(descendants(::getpid()), testing::IsEmpty()) << "a zombie or a survivor"; }

  // A shell that starts two processes which leave its group and its session, one of them also its parent; it writes
  // their numbers to the files "session" and "orphan", then does `then`.
  std::vector<std::string> starter(const std::string& then) const {
    const std::string folder = folder_.path().string();
    return {"sh", "-c",
            "setsid sh -c 'echo $$ > " + folder + "/new; mv " + folder + "/new " + folder +
                "/session; sleep 1000; :' &\n"
                "(setsid sh -c 'trap \"\" HUP TERM; echo $$ > " +
                folder + "/other; mv " + folder + "/other " + folder +
                "/orphan; sleep 1000; :' &)\n"
                "while [ ! -e " +
                folder + "/orphan ] || [ ! -e " + folder + "/session ]; do sleep 0.01; done; echo up\n" + then};
  }
  pid_t started(const std::string& name) const { return pid_in(folder_.path() / name); }

  static bool wait_for(ChildPipes& child, const std::function<bool()>& condition) {
    for (int i = 0; i < 3000 && !condition(); ++i) child.wait(10ms);
    return condition();
  }
  static bool wait_for_up(ChildPipes& child) {
    std::string out;
    return wait_for(child, [&] {
      out += child.take_out();
      return out.find("up\n") != std::string::npos;
    });
  }

  TemporaryFolder folder_;
};

TEST_F(ChildKeeper, WhatLeftTheSessionIsGoneOnceTheChildHasEnded) {
  ChildPipes child(starter("exit 5"), {}, ChildPipes::Input::none);
  ASSERT_TRUE(wait_for(child, [&] { return child.end().has_value(); }));
  EXPECT_EQ(child.end()->exit_status, 5);
  EXPECT_TRUE(has_ended(started("session")));
  EXPECT_TRUE(has_ended(started("orphan")));
}

TEST_F(ChildKeeper, KillingAChildKillsWhatLeftTheSession) {
  ChildPipes child(starter("sleep 1000"), {}, ChildPipes::Input::none);
  ASSERT_TRUE(wait_for_up(child));
  child.kill();
  ASSERT_TRUE(child.end());
  EXPECT_EQ(child.end()->signal, SIGKILL);
  EXPECT_TRUE(has_ended(started("session")));
  EXPECT_TRUE(has_ended(started("orphan")));
}

TEST_F(ChildKeeper, HoweverThisProgramEndsNothingIsLeft) {
  for (const int signal : {SIGKILL, SIGHUP, SIGQUIT, SIGABRT, SIGSEGV}) {
    for (const char* name : {"session", "orphan"}) std::filesystem::remove(folder_.path() / name);
    const auto scratch = folder_.path() / "scratch";
    std::filesystem::create_directory(scratch);
    folder_.write("scratch/config.yaml", "");
    const pid_t owner = ::fork();
    if (owner == 0) {
      ChildPipes child(starter("sleep 1000"), {}, ChildPipes::Input::none, scratch);
      std::signal(signal, SIG_DFL);
      if (wait_for_up(child)) ::kill(::getpid(), signal);
      ::_exit(1);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(owner, &status, 0), owner);
    ASSERT_TRUE(WIFSIGNALED(status)) << signal;
    EXPECT_TRUE(ends(started("session"))) << signal;
    EXPECT_TRUE(ends(started("orphan"))) << signal;
    for (int i = 0; i < 2000 && std::filesystem::exists(scratch); ++i) std::this_thread::sleep_for(5ms);
    EXPECT_FALSE(std::filesystem::exists(scratch)) << signal;
  }
}

TEST_F(ChildKeeper, TheScratchFolderIsThisProgramsWhileItLives) {
  const auto scratch = folder_.path() / "scratch";
  std::filesystem::create_directory(scratch);
  ChildPipes(starter("sleep 1000"), {}, ChildPipes::Input::none, scratch).kill();
  EXPECT_TRUE(std::filesystem::exists(scratch));
}

TEST_F(ChildKeeper, AChildsOwnSignalIsItsEnd) {
  ChildPipes child({"sh", "-c", "kill -SEGV $$"}, {}, ChildPipes::Input::none);
  ASSERT_TRUE(wait_for(child, [&] { return child.end().has_value(); }));
  EXPECT_EQ(child.end()->signal, SIGSEGV);
}

// `wring benchmark | head` ends when wring does, and not when its last trial does.
TEST_F(ChildKeeper, ItHoldsNoFileOfThisProgramOpen) {
  int ends_of_pipe[2];
  ASSERT_EQ(::pipe(ends_of_pipe), 0);
  ChildPipes child({"sleep", "1000"}, {}, ChildPipes::Input::none);
  ::close(ends_of_pipe[1]);
  char nothing = 0;
  EXPECT_EQ(::read(ends_of_pipe[0], &nothing, 1), 0) << "the end of the pipe";
  ::close(ends_of_pipe[0]);
}

TEST_F(ChildKeeper, IsNotTakenForThisProgramByPkill) {
  ChildPipes child({"sleep", "1000"}, {}, ChildPipes::Input::none);
  const std::string folder = "/proc/" + std::to_string(child.pid());
  EXPECT_EQ(read_file(folder + "/comm"), "child-keeper\n");
  EXPECT_THAT(read_file(folder + "/cmdline"), testing::StartsWith("child-keeper"));
  EXPECT_THAT(read_file(folder + "/cmdline"), testing::Not(testing::HasSubstr("unit_tests")));
}

TEST_F(ChildKeeper, AProgramThatDoesNotExistIsNamed) {
  try {
    ChildPipes child({"/no/such/program"});
    ADD_FAILURE() << "it started";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("cannot start /no/such/program: No such file"));
  }
}

// In a process of its own: it moves between control groups.
class ChildGroupTest : public testing::Test {
 protected:
  static int in_a_fork(const std::function<int()>& test) {
    const pid_t process = ::fork();
    if (process == 0) ::_exit(test());
    int status = 0;
    ::waitpid(process, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  void SetUp() override {
    const int can = in_a_fork([] {
      const auto group = ChildGroup::enter();
      const bool left = group && group->leave();
      if (group) group->remove();
      return left ? 0 : 1;
    });
    if (can != 0) GTEST_SKIP() << "no control group (version 2) can be made here";
  }
  static pid_t start_sleeper() {
    const pid_t process = ::fork();
    if (process != 0) return process;
    ::execlp("sleep", "sleep", "1000", nullptr);
    ::_exit(99);
  }
};

TEST_F(ChildGroupTest, WhatWasStartedInItDiesAndWhoLeftItDoesNot) {
  EXPECT_EQ(in_a_fork([] {
              const auto group = ChildGroup::enter();
              const pid_t inside = start_sleeper();
              if (!group->leave()) return 2;
              group->kill();
              int status = 0;
              ::waitpid(inside, &status, 0);
              group->remove();
              return WIFSIGNALED(status) ? 0 : 1;
            }),
            0);
}

TEST_F(ChildGroupTest, WhatAKilledKeeperLeftIsEndedByTheNext) {
  int tell[2];
  ASSERT_EQ(::pipe(tell), 0);
  const pid_t keeper = ::fork();
  if (keeper == 0) {
    const auto group = ChildGroup::enter();
    const pid_t left = start_sleeper();
    if (::write(tell[1], &left, sizeof left) == sizeof left && group->leave()) ::raise(SIGKILL);
    ::_exit(1);
  }
  pid_t left = 0;
  ASSERT_EQ(::read(tell[0], &left, sizeof left), static_cast<ssize_t>(sizeof left));
  int status = 0;
  ASSERT_EQ(::waitpid(keeper, &status, 0), keeper);
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_FALSE(has_ended(left));
  in_a_fork([] {
    if (const auto next = ChildGroup::enter()) {
      static_cast<void>(next->leave());
      next->remove();
    }
    return 0;
  });
  EXPECT_TRUE(ends(left));
  for (const int end : tell) ::close(end);
}

}  // namespace
}  // namespace wring

// Why nothing could be seen of a program, in the words of the first cause that is sure.
#include "wring/agent/silence.h"

#include <csignal>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace wring {
namespace {

using testing::HasSubstr;

std::string isolated(const std::vector<std::string>& command) {
  const auto found = isolated_python(command);
  return found ? found->way_out.en : "";
}

TEST(Silence, PythonThatIsIsolatedIsToldFromItsScriptsOptions) {
  EXPECT_EQ(isolated({"python", "-I", "train.py"}), "run it without -I");
  EXPECT_EQ(isolated({"/usr/bin/python3.12", "-uE", "train.py"}), "run it without -E");
  EXPECT_EQ(isolated({"nice", "python3", "-W", "ignore", "-S", "train.py"}), "run it without -S");
  EXPECT_EQ(isolated({"python", "train.py", "-I"}), "");
  EXPECT_EQ(isolated({"python", "-m", "train", "-E"}), "");
  EXPECT_EQ(isolated({"python", "-WI", "-c", "pass", "-S"}), "");
  EXPECT_EQ(isolated({"python-config", "-I"}), "");
  EXPECT_EQ(isolated({"python"}), "");
}

TEST(Silence, NamesTheFirstCauseThatIsSure) {
  ObservedProgram seen;
  const auto why = [&](const std::vector<std::string>& command) { return why_silent(seen, command).value().why.en; };
  seen.end.exit_status = 0;
  EXPECT_THAT(why({"python", "train.py"}), HasSubstr("no process of it stepped a PyTorch optimiser"));
  EXPECT_THAT(why({"python", "-I", "train.py"}), HasSubstr("python -I takes no notice"));
  EXPECT_THAT(why({"/usr/bin/sudo", "python", "train.py"}), HasSubstr("sudo does not pass its environment on"));
  EXPECT_THAT(why({"env", "-i", "python", "train.py"}), HasSubstr("env does not pass"));
  seen.end.exit_status = 3;
  EXPECT_THAT(why({"python", "train.py"}), HasSubstr("exit code 3"));
  seen.end = {.exit_status = {}, .signal = SIGSEGV};
  EXPECT_THAT(why({"python", "train.py"}), HasSubstr("signal 11"));
  seen.how = EndOfProgram::interrupted;
  EXPECT_THAT(why({"python", "train.py"}), HasSubstr("interrupted"));
  seen.silent.emplace_back().phase = "warmup";
  EXPECT_THAT(why({"python", "train.py"}), HasSubstr("interrupted during the warm-up of process 0"));
  seen.how = EndOfProgram::timed_out;
  seen.waited_s = 600;
  EXPECT_THAT(why({"python", "-I", "train.py"}), "after 600 s process 0 was still at the warm-up");
  seen.silent.front().process.world_size = 2;
  EXPECT_EQ(why({"python", "train.py"}), "after 600 s rank 0 (pid 0) was still at the warm-up");
  EXPECT_EQ(why_silent(seen, {"python"}).value().why.zh, "600 秒后，rank 0 (pid 0) 仍处于“预热”阶段");
  seen.silent.emplace_back().failure = "its own words";
  EXPECT_THAT(why({"python", "train.py"}), HasSubstr("its own words"));
  seen.observations.emplace_back();
  EXPECT_FALSE(why_silent(seen, {"python", "train.py"}));
}

}  // namespace
}  // namespace wring

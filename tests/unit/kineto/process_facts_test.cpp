// What the system tells of a process that the agent cannot enter.
#include "wring/kineto/process_facts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "fixtures/temporary_folder.h"

namespace wring::kineto {
namespace {

using namespace std::string_literals;
using testing::ElementsAre;

class ProcessFacts : public testing::Test {
 protected:
  ObservedProcess with(const std::string& environment, const std::string& words = "python\0-I\0train.py\0--epochs\0"s) {
    folder_.write("7/environ", environment);
    folder_.write("7/cmdline", words);
    return process_facts(7, folder_.path());
  }
  testing_support::TemporaryFolder folder_;
};

TEST_F(ProcessFacts, TheRankIsThatOfTheLaunchersVariables) {
  const ObservedProcess process = with("A=1\0RANK=3\0LOCAL_RANK=1\0WORLD_SIZE=4\0"s);
  EXPECT_EQ(process.pid, 7);
  EXPECT_EQ(process.rank, 3);
  EXPECT_EQ(process.local_rank, 1);
  EXPECT_EQ(process.world_size, 4);
}

TEST_F(ProcessFacts, VariablesThatMakeNoSenseAreNoRank) {
  for (const std::string& wrong : {"RANK=4\0WORLD_SIZE=4\0"s, "RANK=x\0WORLD_SIZE=4\0"s, "RANK=-1\0WORLD_SIZE=4\0"s,
                                   "RANK=1\0WORLD_SIZE=99999999999999999999\0"s, "RANKS=1\0WORLD_SIZE=2\0"s, ""s}) {
    EXPECT_EQ(with(wrong).rank, 0) << wrong;
    EXPECT_EQ(with(wrong).world_size, 1) << wrong;
  }
}

TEST_F(ProcessFacts, TheArgumentsBeginWithTheScript) {
  EXPECT_THAT(with("").argv, ElementsAre("train.py", "--epochs"));
  EXPECT_THAT(with("", "train\0"s).argv, ElementsAre("train"));
}

TEST_F(ProcessFacts, OfThisProcessTheyAreTheSystems) {
  EXPECT_EQ(process_facts(::getpid()).cwd, std::filesystem::current_path());
  EXPECT_GE(cores_of(::getpid()).value_or(0), 1);
}

TEST_F(ProcessFacts, OfNoProcessTheyAreDefaults) {
  const ObservedProcess none = process_facts(8, folder_.path());
  EXPECT_EQ(none.world_size, 1);
  EXPECT_TRUE(none.argv.empty());
  EXPECT_EQ(none.cwd, "");
}

}  // namespace
}  // namespace wring::kineto

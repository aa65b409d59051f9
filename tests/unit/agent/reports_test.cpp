// Which processes of a program have reported, and when there is nothing more to wait for.
#include "wring/agent/reports.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fixtures/scoped_environment.h"

namespace wring {
namespace {

using testing::ElementsAre;
using testing::Pair;
using testing_support::ScopedEnvironment;

AgentClient rank(std::int64_t number, std::int64_t world) {
  AgentClient client;
  client.process.rank = number;
  client.process.world_size = world;
  return client;
}

AgentClient observed(std::int64_t number, std::int64_t world) {
  AgentClient client = rank(number, world);
  client.observation.emplace().process = client.process;
  return client;
}

AgentClient failed(std::int64_t number, std::int64_t world) {
  AgentClient client = rank(number, world);
  client.failure = Text("no such hook");
  return client;
}

TEST(Reports, AreInOnceEveryRankHasSpoken) {
  ReportWatch watch;
  EXPECT_FALSE(watch.all_in({}));
  EXPECT_FALSE(watch.all_in({rank(0, 2)}));
  EXPECT_FALSE(watch.all_in({observed(0, 2)})) << "rank 1 may still come";
  EXPECT_FALSE(watch.all_in({observed(0, 2), rank(1, 2)}));
  EXPECT_TRUE(watch.all_in({observed(0, 2), observed(1, 2)}));
  EXPECT_TRUE(ReportWatch().all_in({observed(0, 2), failed(1, 2)}));
}

TEST(Reports, OfAScriptsOtherProcessesDoNotCount) {
  ReportWatch watch;
  EXPECT_FALSE(watch.all_in({failed(0, 1)})) << "another one may follow";
  EXPECT_FALSE(watch.all_in({failed(0, 1), rank(0, 2), observed(1, 2)}));
  EXPECT_TRUE(watch.all_in({failed(0, 1), observed(0, 2), observed(1, 2)}));
}

TEST(Reports, StandByRank) {
  std::vector<Observation> observations;
  std::vector<AgentClient> silent;
  sort_reports({observed(2, 4), failed(3, 4), observed(0, 4), rank(1, 4)}, observations, silent);
  ASSERT_EQ(observations.size(), 2u);
  EXPECT_EQ(observations[0].process.rank, 0);
  ASSERT_EQ(silent.size(), 2u);
  EXPECT_EQ(silent[0].process.rank, 1);
}

TEST(Reports, ComeThroughVariablesThatKeepWhatWasThere) {
  ScopedEnvironment environment;
  environment.set("PYTHONPATH", "/some/where");
  const AgentFiles files;
  EXPECT_THAT(agent_environment(files), ElementsAre(Pair("PYTHONPATH", files.site().string() + ":/some/where"),
                                                    Pair("WRING_AGENT_SOCKET", files.socket().string())));
}

}  // namespace
}  // namespace wring

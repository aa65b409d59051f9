// The ranks of a run as threads of this process: what they exchange, and how they learn of each other's end.
#include "wring_train/dist/host/host_group.h"

#include <condition_variable>
#include <map>
#include <mutex>
#include <sstream>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "wring/base/error.h"

namespace wring {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

class HostGroupTest : public testing::Test {
 protected:
  HostGroupTest() {
    options_.address = "127.0.0.1";
    options_.arrival = 20s;
    options_.times = {.beat = 20ms, .silence = 15s, .stall = 15s, .patience = 600s, .grace = 15s};
  }

  Noticeboard board() {
    return {[this](const std::string& name, const std::string& text) {
              const std::scoped_lock lock(mutex_);
              notices_[name] = text;
              changed_.notify_all();
            },
            [this](const std::string& name) {
              std::unique_lock lock(mutex_);
              changed_.wait(lock, [&] { return notices_.contains(name); });
              return notices_.at(name);
            }};
  }

  // Runs `work` as each of the ranks; returns what each threw.
  std::vector<std::string> run(int size, const std::function<void(HostGroup&)>& work) {
    std::vector<std::string> errors(static_cast<std::size_t>(size));
    std::vector<std::thread> threads;
    for (int rank = 0; rank < size; ++rank) {
      threads.emplace_back([&, rank] {
        GroupOptions options = options_;
        options.rank = rank;
        options.size = size;
        try {
          HostGroup group(options, board());
          work(group);
        } catch (const Error& error) {
          errors[static_cast<std::size_t>(rank)] = error.message().en;
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    return errors;
  }

  GroupOptions options_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, std::string> notices_;
};

TEST_F(HostGroupTest, ASumIsTheSameBitsOnEveryRank) {
  std::vector<std::vector<float>> sums(4);
  const auto errors = run(4, [&](HostGroup& group) {
    std::vector<float> values(1000);
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i] = 0.1F * static_cast<float>(group.rank() + 1) + 1e-7F * static_cast<float>(i);
    }
    for (int round = 0; round < 3; ++round) group.sum(values);
    sums[static_cast<std::size_t>(group.rank())] = values;
    group.finish();
  });
  EXPECT_THAT(errors, testing::Each(""));
  for (int rank = 1; rank < 4; ++rank) EXPECT_EQ(sums[0], sums[static_cast<std::size_t>(rank)]);
  EXPECT_NEAR(sums[0][0], (0.1 + 0.2 + 0.3 + 0.4) * 4 * 4, 1e-4);
}

TEST_F(HostGroupTest, RankZerosBytesReachEveryRank) {
  std::vector<std::size_t> lengths(3);
  const auto errors = run(3, [&](HostGroup& group) {
    std::vector<std::byte> bytes;
    if (group.rank() == 0) bytes.assign(100000, std::byte{7});
    group.broadcast(bytes);
    if (bytes.at(99999) == std::byte{7}) lengths[static_cast<std::size_t>(group.rank())] = bytes.size();
    group.finish();
  });
  EXPECT_THAT(errors, testing::Each(""));
  EXPECT_THAT(lengths, testing::Each(100000U));
}

TEST_F(HostGroupTest, WhatEachRankHasIsGatheredInTheirOrder) {
  const auto errors = run(3, [&](HostGroup& group) {
    const std::vector<double> own(static_cast<std::size_t>(group.rank()), group.rank() + 0.5);
    const auto all = group.gather(own);
    EXPECT_EQ(all, (std::vector<std::vector<double>>{{}, {1.5}, {2.5, 2.5}}));
    EXPECT_EQ(group.hosts().size(), 3U);
    group.finish();
  });
  EXPECT_THAT(errors, testing::Each(""));
}

TEST_F(HostGroupTest, TheOthersLearnWhichRankEndedWithoutAWord) {
  for (const int lost : {0, 2}) {
    notices_.clear();
    const auto errors = run(3, [&](HostGroup& group) {
      std::vector<float> values(8, 1.0F);
      group.sum(values);
      if (group.rank() == lost) return;  // the connections close
      while (true) group.sum(values);
    });
    for (int rank = 0; rank < 3; ++rank) {
      if (rank == lost) continue;
      EXPECT_THAT(errors[static_cast<std::size_t>(rank)],
                  testing::AllOf(HasSubstr("rank " + std::to_string(lost) + " on " + host_name()),
                                 HasSubstr("ended without a word")));
    }
  }
}

TEST_F(HostGroupTest, TheOthersLearnWhyARankGaveUp) {
  for (const int lost : {0, 1}) {
    notices_.clear();
    const auto errors = run(3, [&](HostGroup& group) {
      std::vector<float> values(8, 1.0F);
      if (group.rank() == lost) return group.watch().fail({"the GPU is out of memory", "显存不足"});
      while (true) group.sum(values);
    });
    for (int rank = 0; rank < 3; ++rank) {
      if (rank == lost) continue;
      EXPECT_THAT(errors[static_cast<std::size_t>(rank)], HasSubstr("gave up: the GPU is out of memory"));
    }
  }
}

TEST_F(HostGroupTest, ARankThatStaysBehindIsNamed) {
  options_.times.stall = 300ms;
  for (const int lost : {0, 1}) {
    notices_.clear();
    const auto errors = run(3, [&](HostGroup& group) {
      group.watch().expect_slow(false);
      group.watch().advance();
      if (group.rank() != lost) group.watch().advance();
      std::vector<float> values(8, 1.0F);
      // The one that hangs waits for word, as a thread inside a driver never would.
      if (group.rank() == lost) throw group.watch().wait_for_loss();
      group.sum(values);
    });
    for (const std::string& error : errors) {
      EXPECT_THAT(error,
                  testing::AllOf(HasSubstr("rank " + std::to_string(lost)), HasSubstr("hangs: it has been in step 2")));
    }
  }
}

TEST_F(HostGroupTest, ARankThatSaysItIsSlowIsWaitedFor) {
  options_.times.stall = 100ms;
  const auto errors = run(2, [&](HostGroup& group) {
    group.watch().expect_slow(group.rank() == 1);
    if (group.rank() == 0) {
      group.watch().advance();
    } else {
      std::this_thread::sleep_for(500ms);
    }
    std::vector<float> values(8, 1.0F);
    group.sum(values);
    group.finish();
  });
  EXPECT_THAT(errors, testing::Each(""));
}

TEST_F(HostGroupTest, AProcessWhoseMainThreadDoesNotComeOutIsToldToEnd) {
  options_.times.grace = 50ms;
  std::string told;
  std::mutex mutex;
  std::condition_variable ended;
  run(2, [&](HostGroup& group) {
    if (group.rank() == 1) return;
    group.watch().on_ignored_loss([&](const Error& error) {
      const std::scoped_lock lock(mutex);
      told = error.message().en;
      ended.notify_all();
    });
    std::unique_lock lock(mutex);
    ended.wait_for(lock, 20s, [&] { return !told.empty(); });
  });
  EXPECT_THAT(told, HasSubstr("rank 1"));
}

TEST_F(HostGroupTest, TheRanksThatDidNotComeAreNamed) {
  options_.arrival = 300ms;
  options_.size = 4;
  const auto put = [](const std::string&, const std::string&) {};
  try {
    HostGroup group(options_, {put, {}});
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.message().en, HasSubstr("these ranks of 4 did not come: 1, 2, 3"));
  }
}

TEST_F(HostGroupTest, AStrangersConnectionIsNoRankAndOnlyTheGivenAddressIsListenedOn) {
  options_.size = 2;
  const auto take_part = [this](int rank) {
    GroupOptions options = options_;
    options.rank = rank;
    HostGroup group(options, board());
    EXPECT_EQ(group.gather(std::vector<double>{1.0}).size(), 2U);
    group.finish();
  };
  std::thread first(take_part, 0);
  std::istringstream notice(board().get("rank0"));
  std::string address;
  std::uint16_t port = 0;
  notice >> address >> port;
  EXPECT_EQ(address, "127.0.0.1");
  const auto stranger = connect_to(address, port, std::chrono::steady_clock::now() + 10s);
  ASSERT_TRUE(stranger);
  stranger->send(std::vector<std::byte>(200, std::byte{1}));
  take_part(1);
  first.join();
}

}  // namespace
}  // namespace wring

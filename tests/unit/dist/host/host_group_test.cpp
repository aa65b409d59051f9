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
    hints_.assign(errors.size(), "");
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
          hints_[static_cast<std::size_t>(rank)] = error.hint().en;
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    return errors;
  }

  GroupOptions options_;
  std::vector<std::string> hints_;  // of what each threw in the last run()
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
      group.watch().enter(RankPhase::training);
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

TEST_F(HostGroupTest, ARankThatSavesOrValidatesIsWaitedFor) {
  options_.times.stall = 100ms;
  for (const RankPhase phase : {RankPhase::saving, RankPhase::validating}) {
    notices_.clear();
    const auto errors = run(2, [&](HostGroup& group) {
      group.watch().enter(group.rank() == 1 ? phase : RankPhase::training);
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
}

// Rank 0's disk took long, and the others waited for it in the step after: none of them hangs then.
TEST_F(HostGroupTest, WhoWaitedLongForRankZeroIsNotBlamedWhenItGoesOn) {
  options_.times.stall = 600ms;
  const auto errors = run(3, [&](HostGroup& group) {
    std::vector<float> values(8, 1.0F);
    group.watch().enter(RankPhase::training);
    group.watch().advance();
    group.sum(values);
    if (group.rank() == 0) {
      group.watch().enter(RankPhase::saving);
      std::this_thread::sleep_for(900ms);
      group.watch().enter(RankPhase::training);
    }
    group.sum(values);
    if (group.rank() != 0) std::this_thread::sleep_for(150ms);  // rank 0 is the first to have done the step
    group.watch().advance();
    group.sum(values);
    group.finish();
  });
  EXPECT_THAT(errors, testing::Each(""));
}

TEST_F(HostGroupTest, ARankWhoseDiskNeverComesBackIsNamedWithWhatItDoes) {
  options_.times.patience = 300ms;
  const auto errors = run(2, [&](HostGroup& group) {
    group.watch().enter(group.rank() == 0 ? RankPhase::saving : RankPhase::training);
    if (group.rank() == 1) group.watch().advance();
    throw group.watch().wait_for_loss();
  });
  EXPECT_THAT(errors, testing::Each(testing::AllOf(HasSubstr("rank 0 on "),
                                                   HasSubstr("hangs: it has been saving after step 0 for 0 s"))));
}

TEST_F(HostGroupTest, ACheckpointIsSpokenOfOnlyWhereThereIsOne) {
  for (const bool saved : {false, true}) {
    notices_.clear();
    run(2, [&](HostGroup& group) {
      if (saved) group.watch().saved();
      if (group.rank() == 1) return;
      std::vector<float> values(8, 1.0F);
      while (true) group.sum(values);
    });
    EXPECT_EQ(hints_[0].find("--resume") != std::string::npos, saved) << hints_[0];
  }
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

TEST_F(HostGroupTest, WhatDiffersIsNamedByAllWithTheValues) {
  const auto errors = run(4, [&](HostGroup& group) {
    const std::string lr = group.rank() == 0 ? "0.001" : group.rank() == 2 ? "0.5" : "0.001";
    const std::string images = group.rank() == 0 ? "12" : "13";
    group.agree({{"seed", "7"}, {"lr", lr}, {{"the images", "图像"}, images}}, "start them alike");
    ADD_FAILURE() << "they do not agree";
  });
  const std::string host = host_name();
  EXPECT_THAT(errors,
              testing::Each("the ranks would not train the same: the images is 12 on rank 0 and 13 on rank 1, 2, 3; "
                            "lr is 0.001 on rank 0 and 0.5 on rank 2 (" +
                            host + ")"));
  EXPECT_THAT(hints_, testing::Each("start them alike"));
}

TEST_F(HostGroupTest, RanksThatAgreeGoOn) {
  const auto errors = run(3, [&](HostGroup& group) {
    group.agree({{"seed", "7"}, {"unknown to some", group.rank() == 1 ? "" : "5"}}, "");
    group.finish();
  });
  EXPECT_THAT(errors, testing::Each(""));
}

}  // namespace
}  // namespace wring

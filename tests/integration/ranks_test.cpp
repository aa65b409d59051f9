// Several ranks as threads of this process, each with an engine of its own.
#include "wring_train/dist/ranks.h"

#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include "random_batch.h"
#include "wring/base/error.h"
#include "wring_train/engine/step_engine.h"
#include "wring_train/train/rank_agreement.h"
#include "wring_train/train/rank_facts.h"
#include "wring_train/train/training_ranks.h"

namespace wring {
namespace {

using testing::HasSubstr;

// Runs `work` as each of the ranks; returns what each threw.
std::vector<std::string> run_ranks(int size, const std::function<void(Ranks&)>& work,
                                   const std::function<TrainConfig(int rank)>& config = {}) {
  static int runs = 0;
  RankPlace place;
  place.size = place.local_size = size;
  place.port = static_cast<std::uint16_t>(40000 + (::getpid() * 7 + runs++) % 20000);
  std::vector<std::string> errors(static_cast<std::size_t>(size));
  std::vector<std::thread> threads;
  for (int rank = 0; rank < size; ++rank) {
    threads.emplace_back([&, place, rank]() mutable {
      place.rank = place.local_rank = rank;
      try {
        const RankFacts facts = config ? config_facts(config(rank)) : RankFacts();
        const auto ranks = join_ranks(place, at::kCPU, facts, kEqualConfigs, [](const Error&) {});
        run_in_ranks(*ranks, [&] {
          work(*ranks);
          return 0;
        });
      } catch (const Error& error) {
        errors[static_cast<std::size_t>(rank)] = error.message().en;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  return errors;
}

TrainConfig tiny_config() {
  TrainConfig config;
  config.base_channels = 8;
  config.num_blocks = 1;
  config.scale_factor = 2;
  config.grad_clip = 1.0;
  config.ema_decay = 0.9;
  config.use_mixed_precision = false;
  return config;
}

std::unique_ptr<StepEngine> make_engine(Ranks& ranks, std::uint64_t seed = 3) {
  const TrainConfig config = tiny_config();
  return make_step_engine(
      config, Edsr({config.base_channels, config.num_blocks, config.scale_factor}, seed), at::kCPU, [](const Text&) {},
      ranks);
}

TEST(Ranks, EnginesOnDifferentBatchesKeepTheSameBits) {
  std::vector<std::vector<at::Tensor>> states(3);
  const auto errors = run_ranks(3, [&](Ranks& ranks) {
    const auto engine = make_engine(ranks);
    for (int step = 0; step < 30; ++step) {
      const Batch batch = random_batch(2, 8, 2, static_cast<std::uint64_t>(100 * ranks.rank() + step));
      engine->step(std::span(&batch, 1), 1e-3);
    }
    check_equal_state(ranks, *engine);
    for (const NamedTensor& named : engine->state()) {
      states[static_cast<std::size_t>(ranks.rank())].push_back(named.tensor.clone());
    }
  });
  EXPECT_THAT(errors, testing::Each(""));
  ASSERT_GT(states[0].size(), 10U);
  for (std::size_t rank = 1; rank < 3; ++rank) {
    for (std::size_t i = 0; i < states[0].size(); ++i) EXPECT_TRUE(at::equal(states[rank][i], states[0][i])) << i;
  }
}

TEST(Ranks, TheReportedLossIsTheMeanOverTheRanks) {
  std::vector<double> alone;
  for (int rank = 0; rank < 2; ++rank) {
    const auto engine = make_engine(lone_rank());
    const Batch batch = random_batch(2, 8, 2, static_cast<std::uint64_t>(rank));
    engine->step(std::span(&batch, 1), 1e-3);
    alone.push_back(engine->report().loss);
  }
  ASSERT_NE(alone[0], alone[1]);
  const auto errors = run_ranks(2, [&](Ranks& ranks) {
    const auto engine = make_engine(ranks);
    const Batch batch = random_batch(2, 8, 2, static_cast<std::uint64_t>(ranks.rank()));
    engine->step(std::span(&batch, 1), 1e-3);
    EXPECT_NEAR(engine->report().loss, (alone[0] + alone[1]) / 2, 1e-6);
  });
  EXPECT_THAT(errors, testing::Each(""));
}

TEST(Ranks, EveryRankStartsFromRankZerosStateAndProgress) {
  const auto errors = run_ranks(2, [&](Ranks& ranks) {
    const auto engine = make_engine(ranks, ranks.leads() ? 5 : 6);
    Progress progress;
    if (ranks.leads()) progress.step = 77;
    share_state(ranks, *engine, progress);
    EXPECT_EQ(progress.step, 77);
    check_equal_state(ranks, *engine);
    const Edsr expected({8, 1, 2}, 5);
    EXPECT_TRUE(at::equal(engine->model().parameters()[0].tensor, expected.parameters()[0].tensor));
  });
  EXPECT_THAT(errors, testing::Each(""));
}

TEST(Ranks, ARankWithAnotherBitIsNamedByAll) {
  const auto errors = run_ranks(3, [&](Ranks& ranks) {
    const auto engine = make_engine(ranks);
    if (ranks.rank() == 2) {
      const c10::NoGradGuard no_grad;
      engine->model().parameters()[1].tensor.view({-1})[0].add_(1e-7);
    }
    check_equal_state(ranks, *engine);
  });
  for (const std::string& error : errors) EXPECT_THAT(error, HasSubstr("rank 2 differ from rank 0"));
}

TEST(Ranks, EveryKeyThatIsNotAMachinesOwnIsCompared) {
  const auto config = [](int rank) {
    TrainConfig own;
    own.num_workers = rank;
    own.data_dir = "on host " + std::to_string(rank);
    if (rank == 1) own.log_freq = 7;
    if (rank == 2) own.early_stopping_patience = 3;
    return own;
  };
  const auto errors = run_ranks(
      3, [](Ranks&) { ADD_FAILURE() << "they do not agree"; }, config);
  for (const std::string& error : errors) {
    EXPECT_THAT(error, testing::AllOf(HasSubstr("log_freq is 100 on rank 0 and 7 on rank 1 ("),
                                      HasSubstr("early_stopping_patience is 0 on rank 0 and 3 on rank 2 (")));
    EXPECT_THAT(error, testing::Not(testing::AnyOf(HasSubstr("num_workers"), HasSubstr("data_dir"))));
  }
}

TEST(Ranks, WhatARankThrowsEndsTheOthersWithItsReason) {
  const auto errors = run_ranks(3, [&](Ranks& ranks) {
    if (ranks.rank() == 1) throw Error(ErrorCode::failed, "the disk is full");
    while (true) ranks.wait_for_all();
  });
  EXPECT_EQ(errors[1], "the disk is full");
  EXPECT_THAT(errors[0], testing::AllOf(HasSubstr("rank 1 on "), HasSubstr("gave up: the disk is full")));
  EXPECT_THAT(errors[2], testing::AllOf(HasSubstr("rank 1 on "), HasSubstr("gave up: the disk is full")));
}

TEST(Ranks, TheRankThatWaitsMostForItsDataIsNamedInTheMetrics) {
  const auto errors = run_ranks(3, [&](Ranks& ranks) {
    const RankTimes times = compare_ranks(ranks, {ranks.rank() == 1 ? 0.5 : 0.1, 100.0 + ranks.rank()});
    EXPECT_EQ(times.slowest, 1);
    EXPECT_DOUBLE_EQ(times.data_wait_share, 0.5);
    EXPECT_DOUBLE_EQ(times.peak_memory_mib, 102);
    EXPECT_THAT(times.metrics(), testing::Contains(testing::Pair("data_wait_spread", testing::DoubleEq(0.4))));
  });
  EXPECT_THAT(errors, testing::Each(""));
  EXPECT_THAT(compare_ranks(lone_rank(), {0.5, 1}).metrics(), testing::IsEmpty());
}

}  // namespace
}  // namespace wring

// wring train on several ranks, as a user starts them: what they learn together, and how they end together.
#include <algorithm>
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <random>
#include <regex>
#include <set>
#include <sstream>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/ranks_train_fixture.h"
#include "fixtures/running_program.h"
#include "wring/process/signal_wait.h"

namespace wring {
namespace {

using namespace testing_support;
using testing::AllOf;
using testing::HasSubstr;
namespace fs = std::filesystem;

std::string environment_of(pid_t pid) {
  return read_file("/proc/" + std::to_string(pid) + "/environ");
}

// The local addresses, as /proc/net/tcp writes them, that a process listens on.
std::vector<std::string> listened_on(pid_t pid) {
  const fs::path process = "/proc/" + std::to_string(pid);
  std::set<std::string> own;
  for (const auto& entry : fs::directory_iterator(process / "fd")) {
    std::error_code gone;
    const std::string target = fs::read_symlink(entry.path(), gone).string();
    if (target.starts_with("socket:[")) own.insert(target.substr(8, target.size() - 9));
  }
  std::vector<std::string> addresses;
  for (const char* table : {"net/tcp", "net/tcp6"}) {
    std::istringstream lines(read_file(process / table));
    std::string line;
    std::getline(lines, line);
    while (std::getline(lines, line)) {
      std::istringstream fields(line);
      const std::vector<std::string> field{std::istream_iterator<std::string>(fields), {}};
      if (field.size() > 9 && field[3] == "0A" && own.contains(field[9]))
        addresses.push_back(field[1].substr(0, field[1].find(':')));
    }
  }
  return addresses;
}

TEST_F(RanksTrain, RanksOfASmallBatchLearnAsOneOfTheirWholeBatch) {
  const std::vector<std::string> long_run{"total_iters=100", "val_freq=50", "checkpoint_freq=1000"};
  const auto run = [&](int ranks, const std::string& batch, const std::string& name) {
    std::vector<std::string> more{"--set", "batch_size=" + batch, "experiment_name=" + name};
    more.insert(more.end(), long_run.begin(), long_run.end());
    const ChildResult result = train(ranks, more);
    ASSERT_EQ(result.exit_status, 0) << result.err;
    if (ranks == 1) return;
    EXPECT_THAT(result.err, HasSubstr("ranks: " + std::to_string(ranks) + "; global batch 8"));
  };
  run(1, "8", "one");
  run(2, "4", "two");
  run(4, "2", "four");
  ASSERT_EQ(values("one", "loss").size(), 100U);
  for (const char* name : {"two", "four"}) {
    EXPECT_LT(largest_difference(values(name, "loss"), values("one", "loss")), 1e-4) << name;
    EXPECT_LT(largest_difference(values(name, "grad_norm"), values("one", "grad_norm")), 1e-2) << name;
    // Three images over two and over four ranks: each scored once.
    EXPECT_LT(largest_difference(values(name, "val_psnr_y"), values("one", "val_psnr_y")), 1e-3) << name;
    EXPECT_EQ(values(name, "epoch"), values("one", "epoch"));
  }
  EXPECT_EQ(values("four", "ranks").front(), 4);
}

// 219 images in batches of 256: an image stands twice in some, and no batch ends where the images do.
TEST_F(RanksTrain, TwoRanksOf128LearnFrom219ImagesAsOneOf256) {
  for (int i = 0; i < 219; ++i) draw_photograph(programs_, "many/" + std::to_string(i) + ".png", 20, 18, i);
  const auto run = [&](int ranks, const std::string& batch, const std::string& name) {
    const ChildResult result =
        train(ranks, {"--train-hr", "many", "--set", "batch_size=" + batch, "experiment_name=" + name, "patch_size=16",
                      "dataset_enlarge_ratio=1", "total_iters=10", "val_freq=1000"});
    ASSERT_EQ(result.exit_status, 0) << result.err;
    EXPECT_THAT(result.err, HasSubstr("219 training images"));
  };
  run(1, "256", "one");
  run(2, "128", "two");
  ASSERT_EQ(values("one", "loss").size(), 10U);
  EXPECT_LT(largest_difference(values("two", "loss"), values("one", "loss")), 1e-5);
  EXPECT_EQ(values("two", "epoch"), values("one", "epoch"));
  EXPECT_DOUBLE_EQ(values("one", "epoch").front(), 256.0 / 219);
}

TEST_F(RanksTrain, AccumulationReducesOnceAndLearnsTheSame) {
  ASSERT_EQ(train(1, {"--set", "batch_size=8", "experiment_name=one"}).exit_status, 0);
  const ChildResult result =
      train(2, {"--set", "batch_size=2", "gradient_accumulation_steps=2", "experiment_name=two"});
  ASSERT_EQ(result.exit_status, 0) << result.err;
  EXPECT_EQ(values("two", "loss").size(), 6U);
  EXPECT_LT(largest_difference(values("two", "loss"), values("one", "loss")), 1e-4);
}

TEST_F(RanksTrain, OnlyRankZeroSpeaksAndWrites) {
  const ChildResult result = train(3);
  ASSERT_EQ(result.exit_status, 0) << result.err;
  EXPECT_THAT(result.err, testing::Not(HasSubstr("[rank ")));
  EXPECT_THAT(result.err, HasSubstr("done: 6 steps"));
  EXPECT_EQ(values("run", "loss").size(), 6U);
}

TEST_F(RanksTrain, AWrongDataFolderIsToldOnceAndEndsAll) {
  const ChildResult result = train(3, {"--set", "data_dir=nowhere"});
  EXPECT_EQ(result.exit_status, 1) << result.err;
  EXPECT_THAT(result.err, HasSubstr("nowhere"));
  EXPECT_FALSE(programs_.exists("experiments/run"));
}

TEST_F(RanksTrain, AKilledRankEndsAllAndTheRunIsResumedWithAnotherNumberOfRanks) {
  std::mt19937 random(std::random_device{}());
  for (int round = 0; round < 4; ++round) {
    const int ranks = round % 2 == 0 ? 3 : 2;
    const int victim = static_cast<int>(random() % static_cast<unsigned>(ranks));
    const std::size_t from = steps_done();
    RunningProgram run = start(ranks, {"--resume", "--set", "total_iters=1000000", "val_freq=1000000"});
    // Any moment after its first steps: within a step, a checkpoint, a message.
    ASSERT_TRUE(RunningProgram::wait_until([&] { return steps_done() > from + 3 + random() % 20; })) << run.err();
    const std::vector<pid_t> processes = children_of(run.pid());
    ASSERT_EQ(processes.size(), static_cast<std::size_t>(ranks));
    ::kill(processes[static_cast<std::size_t>(victim)], SIGKILL);
    EXPECT_EQ(run.wait(), 1) << run.err();
    EXPECT_THAT(run.err(), HasSubstr("rank " + std::to_string(victim) + " was ended by signal 9")) << run.err();
  }
  const ChildResult resumed = train(1, {"--resume", "--set", "total_iters=1"});  // which is long done
  EXPECT_EQ(resumed.exit_status, 0) << resumed.err;
  EXPECT_THAT(resumed.err, HasSubstr("resuming at step"));
}

TEST_F(RanksTrain, TheOthersNameARankThatDiedWithoutALauncherToSeeIt) {
  programs_.set("WORLD_SIZE", "2");
  programs_.set("MASTER_ADDR", "127.0.0.1");
  programs_.set("MASTER_PORT", std::to_string(20000 + ::getpid() % 10000));
  std::vector<std::string> command = words(1, {"--set", "total_iters=1000000", "val_freq=1000000"});
  command.insert(command.begin(), Programs::binary("wring"));
  programs_.set("RANK", "0");
  RunningProgram first(programs_, command);
  Programs other;
  for (const auto& [name, value] : programs_.options().environment) {
    if (value) other.set(name, *value);
  }
  other.set("RANK", "1");
  command.insert(command.end(), {"data_dir=" + (programs_.folder().path() / "data").string()});
  other.folder().write("tiny.yaml", kTinyConfig);
  RunningProgram second(other, command);
  ASSERT_TRUE(RunningProgram::wait_until([&] { return steps_done() > 3; })) << first.err() << second.err();
  second.send(SIGKILL);
  EXPECT_EQ(first.wait(), 1);
  EXPECT_THAT(first.err(), AllOf(HasSubstr("rank 1 on "), HasSubstr("ended without a word"), HasSubstr("--resume")));
}

TEST_F(RanksTrain, AStoppedRankIsNamedAndEndsAll) {
  RunningProgram run = start(3, {"--set", "total_iters=1000000", "val_freq=1000000"});
  ASSERT_TRUE(RunningProgram::wait_until([&] { return steps_done() > 3; })) << run.err();
  ::kill(children_of(run.pid()).at(2), SIGSTOP);
  EXPECT_EQ(run.wait(), 1) << run.err();
  EXPECT_THAT(run.err(), HasSubstr("has not answered for 5 s")) << run.err();
}

// A laptop that sleeps, a paused machine: longer than a rank may be silent.
TEST_F(RanksTrain, AJobThatStoodStillAsAWholeGoesOn) {
  programs_.set("WRING_RANK_TIMEOUT", "1");
  RunningProgram run = start(3, {"--set", "total_iters=1000000", "val_freq=1000000"});
  ASSERT_TRUE(RunningProgram::wait_until([&] { return steps_done() > 3; })) << run.err();
  const std::vector<pid_t> ranks = children_of(run.pid());
  for (const pid_t rank : ranks) ::kill(rank, SIGSTOP);
  std::this_thread::sleep_for(std::chrono::milliseconds(1500));
  const std::size_t before = steps_done();
  for (const pid_t rank : ranks) ::kill(rank, SIGCONT);
  EXPECT_TRUE(RunningProgram::wait_until([&] { return steps_done() > before + 3; })) << run.err();
  run.send(SIGINT);
  EXPECT_EQ(run.wait(), 130) << run.err();
}

TEST_F(RanksTrain, WhatOneRankCannotFitAllCutAndTheResultIsTheSame) {
  ASSERT_EQ(train(2, {"--set", "experiment_name=whole"}).exit_status, 0);
  programs_.set("WRING_TEST_OOM_ABOVE_BATCH", "2@3/1");
  const ChildResult result = train(2);
  ASSERT_EQ(result.exit_status, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("step 4 goes on with batch_size 2 and gradient_accumulation_steps 2"));
  EXPECT_LT(largest_difference(values("run", "loss"), values("whole", "loss")), 1e-4);
}

TEST_F(RanksTrain, ARankWithoutAnyRoomEndsAllWithItsReason) {
  programs_.set("WRING_TEST_OOM_ABOVE_BATCH", "0@2/1");
  const ChildResult result = train(2);
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.err, HasSubstr("needs more than"));
}

TEST_F(RanksTrain, ARankThatWaitsForTheOthersEndsOnASignal) {
  programs_.set("RANK", "0");
  programs_.set("WORLD_SIZE", "2");
  programs_.set("LOCAL_RANK", "0");
  programs_.set("MASTER_ADDR", "127.0.0.1");
  programs_.set("MASTER_PORT", std::to_string(20000 + ::getpid() % 10000));
  RunningProgram run(programs_, {Programs::binary("wring-train"), "train", "tiny.yaml", "--device", "cpu"});
  ASSERT_TRUE(RunningProgram::wait_until([&] { return !listened_on(run.pid()).empty(); })) << run.err();
  run.send(SIGTERM);
  EXPECT_EQ(run.wait(), 128 + SIGTERM);
  EXPECT_FALSE(programs_.exists("experiments"));
}

TEST_F(RanksTrain, ARankThatIsKilledAtOnceEndsAllSoonAndNobodySpeaksOfACheckpoint) {
  for (const int ms : {0, 250}) {
    RunningProgram run = start(2, {"--set", "total_iters=1000000", "val_freq=1000000"});
    ASSERT_TRUE(RunningProgram::wait_until([&] { return children_of(run.pid()).size() == 2; })) << run.err();
    std::this_thread::sleep_for(std::chrono::milliseconds(ms));
    const auto began = std::chrono::steady_clock::now();
    ::kill(children_of(run.pid()).at(1), SIGKILL);
    EXPECT_EQ(run.wait(), 1) << run.err();
    EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(8)) << "the others were killed at last";
    EXPECT_THAT(run.err(), HasSubstr("rank 1 was ended by signal 9"));
    if (!programs_.exists(checkpoint("state_0.safetensors"))) {
      EXPECT_THAT(run.err(), testing::Not(HasSubstr("checkpoint")));
    }
    fs::remove_all(programs_.folder().path() / "experiments");
  }
}

TEST_F(RanksTrain, ATimeoutThatIsNoNumberOfSecondsIsRefusedByName) {
  programs_.set("WRING_RANK_TIMEOUT", "nan");
  const ChildResult result = train(2);
  EXPECT_EQ(result.exit_status, 2);
  EXPECT_THAT(result.err, HasSubstr("WRING_RANK_TIMEOUT: 'nan' is no number of seconds"));
}

// As timeout(1) does: its child, then the group.
TEST_F(RanksTrain, ASignalThatComesTwiceAtOnceIsOneStop) {
  for (const int ranks : {1, 2}) {
    RunningProgram run = start(ranks, {"--set", "total_iters=1000000", "val_freq=1000000"});
    ASSERT_TRUE(RunningProgram::wait_until([&] { return steps_done() > 3; })) << run.err();
    run.send(SIGINT);
    std::this_thread::sleep_for(std::chrono::milliseconds(50));  // two that wait together would be one
    run.send(SIGINT);
    EXPECT_EQ(run.wait(), 130) << run.err();
    EXPECT_THAT(run.err(), HasSubstr("saved")) << ranks;
    std::filesystem::remove_all(programs_.folder().path() / "experiments");
  }
}

TEST_F(RanksTrain, CtrlCStopsAllAfterOneStepAndSaves) {
  RunningProgram run = start(2, {"--set", "total_iters=1000000", "val_freq=1000000"});
  ASSERT_TRUE(RunningProgram::wait_until([&] { return steps_done() > 3; })) << run.err();
  run.send(SIGINT);
  EXPECT_EQ(run.wait(), 130) << run.err();
  EXPECT_THAT(run.err(), HasSubstr("--resume"));
  std::smatch step;
  const std::string said = run.err();
  ASSERT_TRUE(std::regex_search(said, step, std::regex("stopped at step ([0-9]+); saved"))) << said;
  EXPECT_TRUE(programs_.exists("experiments/run/checkpoints/state_" + step[1].str() + ".safetensors"));
}

// Of a scheduler: one that signals the launcher, and one (srun) that signals every rank.
TEST_F(RanksTrain, ASchedulersWarningStopsAllAndSaves) {
  for (const int signal : {SIGUSR1, SIGUSR2}) {
    for (const bool each_rank : {false, true}) {
      RunningProgram run = start(2, {"--set", "total_iters=1000000", "val_freq=1000000"});
      ASSERT_TRUE(RunningProgram::wait_until([&] { return steps_done() > 3; })) << run.err();
      if (each_rank) {
        for (const pid_t rank : children_of(run.pid())) ::kill(rank, signal);
      } else {
        run.send(signal);
      }
      EXPECT_EQ(run.wait(), 130) << run.err();
      EXPECT_THAT(run.err(), AllOf(HasSubstr("; saved. Continue with:"), HasSubstr("--resume --nproc 2")));
      fs::remove_all(programs_.folder().path() / "experiments");
    }
  }
}

// Slurm warns by SIGUSR1 and then ends the job.
TEST_F(RanksTrain, AnEndThatFollowsTheWarningDoesNotCutTheSaving) {
  RunningProgram run = start(2, {"--set", "total_iters=1000000", "val_freq=1000000"});
  ASSERT_TRUE(RunningProgram::wait_until([&] { return steps_done() > 3; })) << run.err();
  const std::vector<pid_t> ranks = children_of(run.pid());
  for (const pid_t rank : ranks) ::kill(rank, SIGSTOP);  // they save slowly
  run.send(SIGUSR1);
  std::this_thread::sleep_for(2 * kOneStop);
  run.send(SIGTERM);
  std::this_thread::sleep_for(kOneStop);
  for (const pid_t rank : ranks) ::kill(rank, SIGCONT);
  EXPECT_EQ(run.wait(), 130) << run.err();
  EXPECT_THAT(run.err(), HasSubstr("; saved. Continue with:"));
}

TEST_F(RanksTrain, TheUsersVariablesReachEveryRankAndOnlyTheLoopbackIsListenedOn) {
  programs_.set("NCCL_NVLS_ENABLE", "0");
  programs_.set("NCCL_SOCKET_IFNAME", "lo");
  RunningProgram run = start(2, {"--set", "total_iters=1000000", "val_freq=1000000"});
  ASSERT_TRUE(RunningProgram::wait_until([&] { return steps_done() > 3; })) << run.err();
  const std::vector<pid_t> processes = children_of(run.pid());
  ASSERT_EQ(processes.size(), 2U);
  for (const pid_t process : processes) {
    EXPECT_THAT(environment_of(process), AllOf(HasSubstr("NCCL_NVLS_ENABLE=0"), HasSubstr("NCCL_SOCKET_IFNAME=lo")));
    EXPECT_THAT(listened_on(process), testing::Each("0100007F"));
  }
}

TEST_F(RanksTrain, NprocUnderALauncherIsRefused) {
  programs_.set("RANK", "0");
  programs_.set("WORLD_SIZE", "2");
  const ChildResult result = train(2);
  EXPECT_EQ(result.exit_status, 2);
  EXPECT_THAT(result.err, HasSubstr("leave --nproc out under torchrun"));
}

}  // namespace
}  // namespace wring

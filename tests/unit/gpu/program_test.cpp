// What is read of a program's processes and threads, from a /proc of the test's own making.
#include "wring/gpu/program.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "fixtures/temporary_folder.h"

namespace wring {
namespace {

using testing_support::TemporaryFolder;

// A machine whose programs do what the test says, between readings so far apart that what a reading costs does not
// matter. CPU time is in per cent of a core times seconds.
class ProgramOnACard : public testing::Test {
 protected:
  static std::string stat(const std::string& name, char state, int parent, int cpu_percent_s, int started = 5) {
    const long ticks = cpu_percent_s * ::sysconf(_SC_CLK_TCK) / 100;
    return "1 (" + name + ") " + state + " " + std::to_string(parent) + " 0 0 0 0 0 0 0 0 0 " + std::to_string(ticks) +
           " 0 0 0 20 0 1 0 " + std::to_string(started) + " 0 0\n";
  }
  std::string folder(int pid) const { return "proc/" + std::to_string(pid); }

  void process(int pid, int parent, const std::string& name, char state, int cpu, const std::string& children = "") {
    root_.write(folder(pid) + "/stat", stat(name, state, parent, cpu));
    thread(pid, pid, name, state, cpu);
    root_.write(folder(pid) + "/task/" + std::to_string(pid) + "/children", children);
    root_.write(folder(pid) + "/cmdline", parent == 1 ? "sh" : "python train.py");
  }
  void thread(int pid, int tid, const std::string& name, char state, int cpu) {
    root_.write(folder(pid) + "/task/" + std::to_string(tid) + "/stat", stat(name, state, 1, cpu));
    root_.write(folder(pid) + "/task/" + std::to_string(tid) + "/children", "");
  }
  void open_cuda(int pid, const std::string& device = "/dev/nvidia-uvm") {
    const auto fds = root_.path() / folder(pid) / "fd";
    std::filesystem::create_directories(fds);
    std::filesystem::remove(fds / "7");
    std::filesystem::create_symlink("/dev/null", fds / "0");
    std::filesystem::create_symlink(device, fds / "7");
  }
  void has_read(int pid, long long bytes) {
    root_.write(folder(pid) + "/io", "rchar: " + std::to_string(bytes) + "\nwchar: 0\n");
  }

  // sh (10) → python (20), which has the card, → two workers (30, 31), forked.
  void training_after(int seconds) {
    process(10, 1, "sh", 'S', 0, "20");
    process(20, 10, "python", 'R', 60 * seconds, "30 31");
    thread(20, 21, "pt_autograd_0", 'S', 30 * seconds);
    thread(20, 22, "cuda-EvtHandlr", 'R', 99 * seconds);
    thread(20, 23, "python", 'S', 2 * seconds);
    process(30, 20, "pt_data_worker", 'R', 90 * seconds);
    process(31, 20, "pt_data_worker", 'D', 50 * seconds);
    for (const int pid : {30, 31}) has_read(pid, 4 * 1048576LL * seconds);
  }

  static constexpr int kWindowS = 1000;
  TemporaryFolder root_;
};

TEST_F(ProgramOnACard, TellsTheThreadsThatLaunchFromTheProcessesThatRead) {
  training_after(0);
  for (const int pid : {20, 30, 31}) open_cuda(pid);  // the workers have it from their parent
  ProgramSampler sampler(root_.path());
  sampler.follow(10);
  EXPECT_FALSE(sampler.sample(100)) << "the first one has no window";
  training_after(kWindowS);
  const auto sample = sampler.sample(100 + kWindowS);
  ASSERT_TRUE(sample);
  EXPECT_DOUBLE_EQ(sample->window_s, kWindowS);
  EXPECT_DOUBLE_EQ(sample->launching, 90) << "main and autograd; the driver's own thread is not counted";
  EXPECT_DOUBLE_EQ(sample->backward.value(), 30);
  EXPECT_EQ(sample->readers, 2) << "the thread at 2 % waits";
  EXPECT_DOUBLE_EQ(sample->readers_busy, 70);
  EXPECT_DOUBLE_EQ(sample->busiest_reader, 90);
  EXPECT_DOUBLE_EQ(sample->readers_wanting, 100);
  EXPECT_DOUBLE_EQ(sample->readers_at_disk, 50);
  EXPECT_DOUBLE_EQ(sample->read_mib_s.value(), 8);
}

TEST_F(ProgramOnACard, ThreadsThatLoadAreReadersToo) {
  process(20, 10, "train", 'S', 0);
  thread(20, 21, "loader", 'R', 0);
  open_cuda(20);
  ProgramSampler sampler(root_.path());
  sampler.follow(20);
  sampler.sample(100);
  thread(20, 21, "loader", 'R', 95 * kWindowS);
  const auto sample = sampler.sample(100 + kWindowS);
  ASSERT_TRUE(sample);
  EXPECT_EQ(sample->readers, 1);
  EXPECT_DOUBLE_EQ(sample->busiest_reader, 95);
  EXPECT_DOUBLE_EQ(sample->launching, 0);
  EXPECT_FALSE(sample->backward) << "no autograd thread";
  EXPECT_FALSE(sample->read_mib_s) << "no /proc/PID/io";
}

TEST_F(ProgramOnACard, ARankThatWasStartedAnewLaunchesAndAForkedWorkerDoesNot) {
  process(20, 10, "python", 'S', 0, "30 31");
  process(30, 20, "python", 'R', 0);
  process(31, 20, "python", 'R', 0);
  root_.write("proc/30/cmdline", "python -c from multiprocessing.spawn import spawn_main");
  for (const int pid : {20, 30, 31}) open_cuda(pid);
  ProgramSampler sampler(root_.path());
  sampler.follow(20);
  sampler.sample(100);
  process(30, 20, "python", 'R', 80 * kWindowS);
  root_.write("proc/30/cmdline", "python -c from multiprocessing.spawn import spawn_main");
  process(31, 20, "python", 'R', 40 * kWindowS);
  const auto sample = sampler.sample(100 + kWindowS);
  ASSERT_TRUE(sample);
  EXPECT_DOUBLE_EQ(sample->launching, 80);
  EXPECT_EQ(sample->readers, 1);
}

TEST_F(ProgramOnACard, WhereNobodyHasCudaOpenTheProcessWithTheMostThreadsLaunches) {
  training_after(0);
  ProgramSampler sampler(root_.path());
  sampler.follow(10);
  sampler.sample(100);
  training_after(kWindowS);
  const auto sample = sampler.sample(100 + kWindowS);
  ASSERT_TRUE(sample);
  EXPECT_DOUBLE_EQ(sample->launching, 90);
  EXPECT_EQ(sample->readers, 2);
}

TEST_F(ProgramOnACard, WithoutACommandProgramsThatHaveCudaOpenAreFound) {
  training_after(0);
  for (const int pid : {20, 30, 31}) open_cuda(pid, "/dev/dxg");
  process(90, 1, "nvidia-smi", 'R', 0);
  open_cuda(90, "/dev/nvidia0");  // NVML opens this and no more
  ProgramSampler sampler(root_.path());
  sampler.follow_cuda(1);
  sampler.sample(100);
  training_after(kWindowS);
  const auto sample = sampler.sample(100 + kWindowS);
  ASSERT_TRUE(sample);
  EXPECT_DOUBLE_EQ(sample->launching, 90);
  EXPECT_EQ(sample->readers, 2);
}

TEST_F(ProgramOnACard, OfSeveralProgramsOnSeveralCardsNothingIsSaid) {
  training_after(0);
  open_cuda(20);
  process(80, 2, "python", 'R', 0);
  open_cuda(80);
  ProgramSampler sampler(root_.path());
  sampler.follow_cuda(2);
  sampler.sample(100);
  training_after(kWindowS);
  EXPECT_FALSE(sampler.sample(100 + kWindowS));
}

TEST_F(ProgramOnACard, OfOneStarterTheRanksOfAProgramAreOneAndTwoProgramsAreNot) {
  const std::pair<const char*, const char*> commands[] = {
      {"python train.py --local-rank=0", "python train.py --local-rank=1"}, {"python train.py", "python eval.py"}};
  for (const int pid : {20, 21}) open_cuda(pid);
  for (const auto& [first, second] : commands) {
    const auto ranks_after = [&, first = first, second = second](int seconds) {
      process(20, 10, "python", 'R', 60 * seconds);
      process(21, 10, "python", 'R', 90 * seconds);
      root_.write("proc/20/cmdline", first);
      root_.write("proc/21/cmdline", second);
    };
    ranks_after(0);
    ProgramSampler sampler(root_.path());
    sampler.follow_cuda(2);
    sampler.sample(100);
    ranks_after(kWindowS);
    const auto sample = sampler.sample(100 + kWindowS);
    EXPECT_EQ(sample.has_value(), std::string(second).find("rank") != std::string::npos) << second;
    if (sample) {
      EXPECT_DOUBLE_EQ(sample->launching, 90) << "the busiest one's";
    }
  }
}

TEST_F(ProgramOnACard, ANumberThatIsUsedAgainIsAnotherThread) {
  process(20, 10, "python", 'R', 500, "");
  open_cuda(20);
  ProgramSampler sampler(root_.path());
  sampler.follow(20);
  sampler.sample(100);
  root_.write("proc/20/task/20/stat", stat("python", 'R', 10, 600 * kWindowS, /*started=*/9));
  EXPECT_FALSE(sampler.sample(100 + kWindowS)) << "what it did before is not known, which is not 0";
}

TEST_F(ProgramOnACard, OneThatFollowsAnotherHasNoWindowAtFirst) {
  training_after(0);
  open_cuda(20);
  ProgramSampler sampler(root_.path());
  sampler.follow_cuda(1);
  sampler.sample(100);
  for (const int pid : {10, 20, 30, 31}) std::filesystem::remove_all(root_.path() / folder(pid));
  EXPECT_FALSE(sampler.sample(100 + kWindowS)) << "it has ended";
  process(40, 10, "python", 'R', 70);
  open_cuda(40);
  EXPECT_FALSE(sampler.sample(100 + 2 * kWindowS)) << "nothing is known of the time since the other one";
  process(40, 10, "python", 'R', 70 + 80 * kWindowS);
  EXPECT_DOUBLE_EQ(sampler.sample(100 + 3 * kWindowS).value().launching, 80);
}

TEST_F(ProgramOnACard, WithoutTheKernelsListOfChildrenParentsAreAsked) {
  training_after(0);
  open_cuda(20);
  for (const int pid : {10, 20, 30, 31}) {
    for (const auto& task : std::filesystem::directory_iterator(root_.path() / folder(pid) / "task")) {
      std::filesystem::remove(task.path() / "children");
    }
  }
  ProgramSampler sampler(root_.path());
  sampler.follow(10);
  sampler.sample(100);
  root_.write("proc/30/stat", stat("pt_data_worker", 'R', 20, 70 * kWindowS));
  EXPECT_EQ(sampler.sample(100 + kWindowS).value().readers, 1 + 1) << "the other one waits for the disk";
}

TEST_F(ProgramOnACard, IsReadOnceASecondAtMost) {
  training_after(0);
  open_cuda(20);
  ProgramSampler sampler(root_.path());
  sampler.follow(10);
  sampler.sample(100);
  EXPECT_FALSE(sampler.sample(100.5));
  training_after(1);
  EXPECT_DOUBLE_EQ(sampler.sample(101).value().window_s, 1) << "the whole second";
}

TEST_F(ProgramOnACard, ThatHasEndedOrIsAnotherUsersIsAbsent) {
  ProgramSampler sampler(root_.path());
  sampler.follow(10);
  EXPECT_FALSE(sampler.sample(100));
  EXPECT_FALSE(sampler.sample(100 + kWindowS));
  ProgramSampler nobody(root_.path());
  EXPECT_FALSE(nobody.sample(100)) << "nobody is followed";
}

}  // namespace
}  // namespace wring

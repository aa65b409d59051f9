// A run that is killed again and again ends as one that never was. WRING_TEST_KILLS: how often (6).
#include <chrono>
#include <cstdlib>
#include <random>

#include "train_fixture.h"

namespace wring {
namespace {

using namespace testing_support;
namespace fs = std::filesystem;

class TrainKill : public TrainTest {
 protected:
  std::vector<std::string> arguments(const std::string& name) const {
    return {"--resume",          "--set",       "experiment_name=" + name, "total_iters=60",
            "checkpoint_freq=3", "val_freq=10", "keep_checkpoints=2"};
  }
  // Starts or resumes the run and kills it after that time; whether it was still running.
  bool killed_after(double seconds) const {
    std::string command = Programs::binary("wring") + " train tiny.yaml --device cpu";
    for (const std::string& argument : arguments("run")) command += " " + argument;
    const ChildResult result =
        programs_.run("sh", {"-c", command + " & p=$!; sleep " + std::to_string(seconds) + "; kill -KILL $p; wait $p"});
    EXPECT_TRUE(result.exit_status == 137 || result.exit_status == 0) << result.err;
    return result.exit_status == 137;
  }
  void expect_the_same_end() const {
    for (const char* file : {"state_60.safetensors", "last.safetensors", "best.safetensors"}) {
      EXPECT_EQ(programs_.read(checkpoint(file)), programs_.read(checkpoint(file, "whole"))) << file;
    }
    EXPECT_EQ(saved_steps(), saved_steps("whole"));
  }
};

TEST_F(TrainKill, AtRandomMomentsChangesNoBitOfTheEnd) {
  const auto began = std::chrono::steady_clock::now();
  const ChildResult whole = train(arguments("whole"));
  ASSERT_EQ(whole.exit_status, 0) << whole.err;
  const std::chrono::duration<double> length = std::chrono::steady_clock::now() - began;

  const char* wanted = std::getenv("WRING_TEST_KILLS");
  const int kills = wanted != nullptr ? std::atoi(wanted) : 6;
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  std::uniform_real_distribution<double> moment(0, length.count());
  int done = 0;
  int ends = 0;
  const auto finish = [&] {
    const ChildResult last = train(arguments("run"));
    EXPECT_EQ(last.exit_status, 0) << last.err;
    expect_the_same_end();
    ++ends;
  };
  while (done < kills && !HasFailure()) {
    if (killed_after(moment(random))) {
      ++done;
      continue;
    }
    finish();
    fs::remove_all(programs_.folder().path() / "experiments/run");
  }
  finish();
  RecordProperty("kills", done);
  RecordProperty("ends_compared", ends);
  std::printf("%d kills, %d ends compared bit for bit\n", done, ends);
}

}  // namespace
}  // namespace wring

// A run that is killed and resumed on the GPU learns as one that never was.
#include <chrono>
#include <random>

#include "training_run.h"

namespace wring {
namespace {

class Resumed : public GpuTrainingRun {};

TEST_F(Resumed, RunsLearnAsTwoEqualRunsDo) {
  for (const char* type : {"bf16", "fp16"}) {
    const std::vector<std::string> settings{"batch_size=8",       "total_iters=20000",
                                            "log_freq=500",       "checkpoint_freq=1000",
                                            "keep_checkpoints=2", std::string("amp_dtype=") + type,
                                            "ema_decay=0.99"};
    const auto name = [&](const char* run) { return std::string(type) + run; };
    const ChildResult first = train(name("a"), 1, settings);
    ASSERT_EQ(first.exit_status, 0) << first.err;
    // The second run's, which starts as quickly as those to be killed: the first one may find cold caches.
    const auto began = std::chrono::steady_clock::now();
    const ChildResult second = train(name("b"), 1, settings);
    const std::chrono::duration<double> length = std::chrono::steady_clock::now() - began;
    ASSERT_EQ(second.exit_status, 0) << second.err;

    std::vector<std::string> resumed = settings;
    resumed.push_back("--resume");
    std::mt19937 random(std::random_device{}());
    std::uniform_real_distribution<double> moment(0.5, 0.95);
    int kills = 0;
    for (int i = 0; i < 3; ++i) {
      const std::chrono::milliseconds longest(static_cast<int>(1000 * length.count() * moment(random)));
      kills += train(name("c"), 1, resumed, longest).timed_out ? 1 : 0;
    }
    const ChildResult last = train(name("c"), 1, resumed);
    ASSERT_EQ(last.exit_status, 0) << last.err;

    const double noise = curve_difference(name("a"), name("b"));
    const double difference = curve_difference(name("a"), name("c"));
    std::printf("%s: %d kills; losses differ by %.1e, those of two equal runs by %.1e\n", type, kills, difference,
                noise);
    EXPECT_GT(kills, 0);
    EXPECT_LE(difference, 3 * noise + 1e-6);
  }
}

}  // namespace
}  // namespace wring

#include "wring/trial/utilisation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "fixtures/fake_nvml.h"
#include "unit/telemetry/scripted_telemetry.h"
#include "unit/trial/fake_worker.h"
#include "wring/process/child_pipes.h"
#include "wring/trial/worker_runner.h"

namespace wring {
namespace {

using namespace testing_support;

// A card whose clock moves only when it is asked: what it answers is the test's.
class SteppedTelemetry : public ScriptedTelemetry {
 public:
  explicit SteppedTelemetry(std::function<GpuSample(int call)> answer)
      : ScriptedTelemetry(1, [](std::size_t, int) { return GpuSample(); }), answer_(std::move(answer)) {}
  GpuSample sample(std::size_t) override { return answer_(call_++); }

 private:
  std::function<GpuSample(int)> answer_;
  int call_ = 0;
};

// No reading but those that begin(), begin_measure() and end_measure() ask for.
constexpr double kNever = 1e6;

TEST(Utilisation, AReadingCountsForTheTimeSinceTheOneBefore) {
  // Calls: 0 at begin(), then one at the beginning of each measurement and one at its end.
  const double times[] = {0, 10, 11, 20, 23};
  const double shares[] = {99, 98, 20, 97, 60};
  const auto telemetry = std::make_shared<SteppedTelemetry>([&](int call) {
    return sample_at(times[call], {{Metric::gpu_util, shares[call]}, {Metric::sm_activity, 5}});
  });
  UtilisationMeter meter(telemetry, kNever);
  meter.begin(0);
  for (int i = 0; i < 2; ++i) {
    meter.begin_measure();
    meter.end_measure();
  }
  const TrialUtilisation utilisation = meter.end();
  EXPECT_NEAR(utilisation.gpu_util.value(), (20 * 1 + 60 * 3) / 4.0, 1e-9);
  EXPECT_NEAR(utilisation.sm_activity.value(), 5, 1e-9);
  EXPECT_FALSE(utilisation.tensor_activity) << "not supported is no zero";
}

TEST(Utilisation, WithoutACardEverythingIsAbsent) {
  for (const auto& telemetry :
       {std::shared_ptr<Telemetry>(),
        std::shared_ptr<Telemetry>(std::make_shared<ScriptedTelemetry>(0, ScriptedTelemetry::Answer()))}) {
    UtilisationMeter meter(telemetry);
    meter.begin(::getpid());
    meter.begin_measure();
    EXPECT_FALSE(meter.end().gpu_util);
    EXPECT_FALSE(meter.peak_memory_mib());
    EXPECT_FALSE(meter.memory_total_mib());
  }
}

TEST(Utilisation, NothingIsCountedOutsideTheMeasurement) {
  const auto telemetry = std::make_shared<ScriptedTelemetry>(1, [](std::size_t, int) {
    return sample_at(0, {{Metric::gpu_util, 50}});
  });
  UtilisationMeter meter(telemetry, 0.001);
  meter.begin(0);
  EXPECT_FALSE(meter.end().gpu_util);
}

TEST(Utilisation, ADriverCallThatHangsHoldsNothingUp) {
  const auto gate = std::make_shared<Gate>();
  const auto telemetry = std::make_shared<ScriptedTelemetry>(1, [gate](std::size_t, int) {
    gate->wait();
    return GpuSample();
  });
  {
    UtilisationMeter meter(telemetry);
    meter.begin(0);
    meter.begin_measure();
    EXPECT_FALSE(meter.end().gpu_util);
  }
  gate->open();
}

TEST(Utilisation, MemoryIsThatOfTheProcessTree) {
  ChildPipes child({"sh", "-c", "sleep 1000 & echo $!; wait"});
  std::string out;
  while (out.empty()) {
    child.wait(std::chrono::milliseconds(10));
    out += child.take_out();
  }
  const std::int64_t grandchild = std::stoi(out);
  const auto telemetry = std::make_shared<SteppedTelemetry>([&](int call) {
    GpuSample sample = sample_at(call, {{Metric::memory_used, 9000}, {Metric::memory_total, 16000}});
    sample.processes = {{child.pid(), "", 100, {}}, {grandchild, "", 1000 - call, {}}, {1, "", 7777, {}}};
    return sample;
  });
  UtilisationMeter meter(telemetry, 0.001);
  meter.begin(child.pid());
  meter.begin_measure();
  meter.end();
  EXPECT_EQ(meter.peak_memory_mib(), 1100);
  EXPECT_EQ(meter.memory_total_mib(), 16000);
  EXPECT_EQ(meter.memory_free_mib(), 7000);
}

TEST(Utilisation, WhereTheDriverKnowsOtherProcessNumbersMemoryIsWhatTheCardsUseGrewBy) {
  const auto telemetry = std::make_shared<SteppedTelemetry>([&](int call) {
    GpuSample sample = sample_at(call, {{Metric::memory_used, call == 0 ? 500 : 4500}, {Metric::memory_total, 16000}});
    sample.processes = {{4000001, "", 4000, {}}};
    return sample;
  });
  UtilisationMeter meter(telemetry, kNever);
  meter.begin(::getpid());
  meter.begin_measure();
  meter.end();
  EXPECT_EQ(meter.peak_memory_mib(), 4000);
}

TEST(Utilisation, ATrialIsMeasuredThroughNvml) {
  FakeNvml nvml;
  const std::shared_ptr<Telemetry> telemetry =
      nvml.open("card\ngpu_util 73\nmemory_used_mib 10\nmemory_total_mib 100\n");
  nvml.at(1);
  // Time moves with every reading.
  class Moving : public ScriptedTelemetry {
   public:
    Moving(FakeNvml& nvml, std::shared_ptr<Telemetry> real)
        : ScriptedTelemetry(1, ScriptedTelemetry::Answer()), nvml_(nvml), real_(std::move(real)) {}
    GpuSample sample(std::size_t gpu) override {
      nvml_.at(++now_s_);
      return real_->sample(gpu);
    }

   private:
    FakeNvml& nvml_;
    std::shared_ptr<Telemetry> real_;
    double now_s_ = 1;
  };
  const TemporaryFolder folder;
  WorkerOptions with;
  with.command = {folder.write_script("worker.sh", kFakeWorkerWords + "take; phase warmup; phase measure; ok 5")};
  with.meter = std::make_shared<UtilisationMeter>(std::make_shared<Moving>(nvml, telemetry), 0.01);
  const TrialResult result = WorkerRunner(with).run({});
  EXPECT_EQ(result.outcome, TrialOutcome::ok);
  ASSERT_TRUE(result.utilisation.gpu_util);
  EXPECT_NEAR(*result.utilisation.gpu_util, 73, 1e-9);
}

}  // namespace
}  // namespace wring

#include "wring/tune/knobs/knobs.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/tune/search/simulated_gpu.h"

namespace wring {
namespace {

using testing::HasSubstr;

// Everything that a knob turns on is off, the loader is ahead.
TrainConfig plain_config() {
  TrainConfig config;
  config.batch_size = 64;
  config.use_mixed_precision = false;
  config.compile_model = false;
  config.channels_last = false;
  config.num_workers = 2;
  config.data_cache = "none";
  return config;
}

KnobOptions options_for(std::int64_t batch) {
  KnobOptions options;
  options.set = {{"batch_size", std::to_string(batch)}};
  options.cpu_cores = 16;
  options.budget_s = 600;
  return options;
}

TrialResult base_with_wait(double share) {
  TrialResult base;
  base.samples_per_s = 1000;
  base.step_ms = {100, 1, 105, 50};
  base.data_wait_ms = 100 * share;
  return base;
}

std::string value_in(const std::vector<Assignment>& set, const std::string& key) {
  for (const Assignment& one : set) {
    if (one.key == key) return one.value;
  }
  return "";
}

const KnobDecision* decision_on(const KnobResult& result, const std::string& knob) {
  const auto found = std::ranges::find(result.decisions, knob, &KnobDecision::knob);
  return found == result.decisions.end() ? nullptr : &*found;
}

bool holds(const std::vector<KnobCandidate>& candidates, const std::string& knob) {
  return std::ranges::find(candidates, knob, &KnobCandidate::knob) != candidates.end();
}

TEST(KnobCandidates, LeaveTheWorkersAloneWhereTheStepNeverWaits) {
  std::vector<KnobDecision> pointless;
  const auto candidates = knob_candidates(plain_config(), base_with_wait(0.002), options_for(64), &pointless);
  EXPECT_FALSE(holds(candidates, "workers"));
  EXPECT_FALSE(holds(candidates, "data_cache"));
  const auto left = std::ranges::find(pointless, "workers", &KnobDecision::knob);
  ASSERT_NE(left, pointless.end());
  EXPECT_FALSE(left->tried);
  EXPECT_THAT(left->reason.en, HasSubstr("waits 0.2 % of its time for data"));
}

TEST(KnobCandidates, TryMoreWorkersFirstWhereTheStepMostlyWaits) {
  const auto candidates = knob_candidates(plain_config(), base_with_wait(0.9), options_for(64));
  ASSERT_FALSE(candidates.empty());
  EXPECT_EQ(candidates.front().knob, "workers");
  EXPECT_EQ(value_in(candidates.front().to, "num_workers"), "4");
  EXPECT_TRUE(holds(candidates, "data_cache"));
}

TEST(KnobCandidates, TryTheFastEngineOnlyWhereEagerIsAskedFor) {
  TrainConfig config = plain_config();
  EXPECT_TRUE(holds(knob_candidates(config, base_with_wait(0), options_for(64)), "compile"));
  for (const std::optional<bool> given : {std::optional<bool>(), std::optional(true)}) {
    config.compile_model = given;
    std::vector<KnobDecision> pointless;
    EXPECT_FALSE(holds(knob_candidates(config, base_with_wait(0), options_for(64), &pointless), "compile"));
    const auto left = std::ranges::find(pointless, "compile", &KnobDecision::knob);
    ASSERT_NE(left, pointless.end());
    EXPECT_THAT(left->reason.en, HasSubstr(given ? "is on already" : "the fastest engine is in use already"));
  }
}

// What gains most for its time comes first: 0.8 at no cost, 0.4 after 5 s of compilation, 0.15 at no cost.
TEST(KnobCandidates, StandInTheOrderOfTheirGainForTheirTime) {
  const auto names_at = [](double wait) {
    std::vector<std::string> names;
    TrainConfig config = plain_config();
    config.compile_model = false;
    for (const KnobCandidate& one : knob_candidates(config, base_with_wait(wait), options_for(64))) {
      if (std::ranges::find(names, one.knob) == names.end()) names.push_back(one.knob);
    }
    return names;
  };
  EXPECT_THAT(names_at(0), testing::ElementsAre("precision", "compile", "channels_last"));
  EXPECT_THAT(names_at(0.25), testing::ElementsAre("precision", "workers", "compile", "channels_last", "data_cache"))
      << "compilation gains more, and takes longer";
  // The cache takes 10 s to fill: of two knobs that end the same waiting the workers come first.
  EXPECT_THAT(names_at(0.5), testing::ElementsAre("precision", "workers", "compile", "channels_last", "data_cache"));
}

TEST(KnobCandidates, NeverHaveMoreWorkersThanCores) {
  KnobOptions options = options_for(64);
  options.cpu_cores = 3;
  for (const KnobCandidate& candidate : knob_candidates(plain_config(), base_with_wait(0.5), options)) {
    if (candidate.knob != "workers") continue;
    EXPECT_EQ(value_in(candidate.to, "num_workers"), "3");
  }
}

TEST(KnobCandidates, RefuseQueuesThatDoNotFitIntoTheHostsMemory) {
  KnobOptions options = options_for(64);
  options.sample_bytes = 1024 * 1024;
  options.host_available_bytes = std::int64_t{512} * 1024 * 1024;  // 256 MiB are allowed; 17 batches take 1088
  std::vector<KnobDecision> pointless;
  EXPECT_FALSE(holds(knob_candidates(plain_config(), base_with_wait(0.5), options, &pointless), "workers"));
  const auto left = std::ranges::find(pointless, "workers", &KnobDecision::knob);
  ASSERT_NE(left, pointless.end());
  EXPECT_THAT(left->reason.en, HasSubstr("1.1 GiB of host memory, 0.2 GiB are allowed"));
}

TEST(KnobCandidates, AskForThePrecisionThatTheCardKnows) {
  KnobOptions options = options_for(64);
  const auto dtype_for = [&](int major) -> std::string {
    options.compute_major = major;
    for (const KnobCandidate& one : knob_candidates(plain_config(), base_with_wait(0), options)) {
      if (one.knob == "precision") return value_in(one.to, "amp_dtype");
    }
    return "none";
  };
  EXPECT_EQ(dtype_for(9), "bf16");
  EXPECT_EQ(dtype_for(7), "fp16");
  EXPECT_EQ(dtype_for(6), "none");
  options.numerics = false;
  EXPECT_EQ(dtype_for(9), "none");
}

TEST(TuneKnobs, KeepsWhatGainsAndLeavesWhatDoesNot) {
  SimulatedGpu gpu({});
  gpu.time_factor = [](const TrialRequest& request) {
    double factor = 1;
    if (value_of(request, "use_mixed_precision") == "true") factor /= 2;
    if (value_of(request, "channels_last") == "true") factor /= 1.01;
    if (value_of(request, "compile_model") == "true") factor *= 1.1;
    return factor;
  };
  const KnobResult result = tune_knobs(gpu, plain_config(), options_for(64), gpu.control());
  EXPECT_EQ(value_in(result.kept, "use_mixed_precision"), "true");
  EXPECT_EQ(value_in(result.kept, "channels_last"), "");
  EXPECT_EQ(value_in(result.kept, "compile_model"), "");

  const KnobDecision* precision = decision_on(result, "precision");
  ASSERT_NE(precision, nullptr);
  EXPECT_TRUE(precision->kept);
  EXPECT_NEAR(*precision->gain, 1, 0.05);
  EXPECT_EQ(value_in(precision->from, "use_mixed_precision"), "false");
  EXPECT_THAT(precision->reason.en, HasSubstr("samples/s"));
  EXPECT_THAT(decision_on(result, "compile")->reason.en, HasSubstr("less than 3.0 %"));
}

TEST(TuneKnobs, MeasuresBeforeAndAfterInTurnOnTopOfWhatWasKept) {
  SimulatedGpu gpu({});
  gpu.time_factor = [](const TrialRequest& request) {
    return value_of(request, "use_mixed_precision") == "true" ? 0.5 : 1.0;
  };
  const KnobResult result = tune_knobs(gpu, plain_config(), options_for(64), gpu.control());
  const KnobDecision* precision = decision_on(result, "precision");
  ASSERT_NE(precision, nullptr);
  EXPECT_GE(precision->rates.before.size(), 2U);
  EXPECT_GE(precision->rates.after.size(), 2U);
  // Whatever is measured after the precision was kept has it.
  const std::size_t until = 1 + precision->rates.before.size() + precision->rates.after.size();
  ASSERT_GT(result.trials.size(), until);
  for (std::size_t i = until; i < result.trials.size(); ++i) {
    EXPECT_EQ(value_of(result.trials[i].request, "use_mixed_precision"), "true");
    EXPECT_EQ(value_of(result.trials[i].request, "batch_size"), "64");
  }
}

TEST(TuneKnobs, IsNotTakenInByNoise) {
  int kept = 0;
  for (unsigned seed = 1; seed <= 40; ++seed) {
    SimulatedCard card;
    card.trial_noise = 0.05;
    SimulatedGpu gpu(card, seed);  // no knob does anything
    kept += static_cast<int>(tune_knobs(gpu, plain_config(), options_for(64), gpu.control()).kept.size());
  }
  EXPECT_LE(kept, 6);  // of 160 comparisons, each at 95 %
}

TEST(TuneKnobs, KeepsNothingWhereRatesOfOneSettingDifferTooMuch) {
  SimulatedGpu gpu({});
  int trials = 0;
  gpu.time_factor = [&](const TrialRequest& request) {
    const double disturbance = ++trials % 3 == 0 ? 1.9 : 1.0;
    return disturbance * (value_of(request, "use_mixed_precision") == "true" ? 0.5 : 1.0);
  };
  const KnobResult result = tune_knobs(gpu, plain_config(), options_for(64), gpu.control());
  EXPECT_TRUE(result.kept.empty());
  ASSERT_TRUE(result.disturbed);
  EXPECT_GT(*result.disturbed, 0.25);
  EXPECT_THAT(decision_on(result, "precision")->reason.en, HasSubstr("the machine is disturbed: rates of one setting"));
}

TEST(TuneKnobs, EndsATrialThatRunsOnWhenItsTimeIsOver) {
  SimulatedCard card;
  card.trial_s = 7;
  SimulatedGpu gpu(card);
  KnobOptions options = options_for(64);
  options.budget_s = 15;
  const double began = gpu.now_s();
  const KnobResult result = tune_knobs(gpu, plain_config(), options, gpu.control());
  EXPECT_TRUE(result.cut_short);
  EXPECT_LE(gpu.now_s() - began, 15 + 1e-6);
  EXPECT_TRUE(result.kept.empty());
}

TEST(TuneKnobs, DoesNotKeepWhatFails) {
  class Fragile : public SimulatedGpu {
   public:
    using SimulatedGpu::SimulatedGpu;
    TrialResult run(const TrialRequest& request) override {
      TrialResult result = SimulatedGpu::run(request);
      if (value_of(request, "compile_model") == "true") {
        result.outcome = TrialOutcome::oom;
        result.message = "CUDA out of memory";
      }
      return result;
    }
  };
  Fragile gpu(SimulatedCard{});
  const KnobResult result = tune_knobs(gpu, plain_config(), options_for(64), gpu.control());
  const KnobDecision* compile = decision_on(result, "compile");
  ASSERT_NE(compile, nullptr);
  EXPECT_TRUE(compile->tried);
  EXPECT_FALSE(compile->kept);
  EXPECT_THAT(compile->reason.en, HasSubstr("out of memory"));
}

TEST(TuneKnobs, FeedsAStepThatStarvesOnceItIsFaster) {
  SimulatedCard card;
  card.data_wait_share = 0;
  SimulatedGpu gpu(card);
  class Starving : public TrialRunner {
   public:
    explicit Starving(SimulatedGpu& gpu) : gpu_(gpu) {}
    TrialResult run(const TrialRequest& request) override {
      TrialResult result = gpu_.run(request);
      const bool fast = value_of(request, "use_mixed_precision") == "true";
      const bool fed = value_of(request, "num_workers") != "";
      result.data_wait_ms = fast && !fed ? 0.3 * result.step_ms.median : 0;
      return result;
    }

   private:
    SimulatedGpu& gpu_;
  };
  gpu.time_factor = [](const TrialRequest& request) {
    double factor = value_of(request, "use_mixed_precision") == "true" ? 0.5 : 1.0;
    return value_of(request, "num_workers").empty() ? factor : factor * 0.8;
  };
  Starving runner(gpu);
  const KnobResult result = tune_knobs(runner, plain_config(), options_for(64), gpu.control());
  EXPECT_EQ(value_in(result.kept, "num_workers"), "4");
}

TEST(TuneKnobs, KeepsWhatWasDecidedWhenItsTimeEnds) {
  SimulatedGpu gpu({});
  gpu.time_factor = [](const TrialRequest& request) {
    return value_of(request, "use_mixed_precision") == "true" ? 0.5 : 1.0;
  };
  KnobOptions options = options_for(64);
  options.budget_s = 12;
  const KnobResult result = tune_knobs(gpu, plain_config(), options, gpu.control());
  EXPECT_TRUE(result.cut_short);
  EXPECT_LE(result.seconds, 14);
  EXPECT_EQ(value_in(result.kept, "use_mixed_precision"), "true");
}

TEST(TuneKnobs, EndsWhenTheUserEndsIt) {
  SimulatedGpu gpu({});
  SearchControl control = gpu.control();
  control.cancelled = [&] { return gpu.asked().size() >= 2; };
  const KnobResult result = tune_knobs(gpu, plain_config(), options_for(64), control);
  EXPECT_TRUE(result.cancelled);
  EXPECT_EQ(result.trials.size(), 2U);
  EXPECT_TRUE(result.kept.empty());
}

}  // namespace
}  // namespace wring

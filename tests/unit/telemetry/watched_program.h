#pragma once
#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "unit/telemetry/scripted_telemetry.h"
#include "wring/findings/judged_summary.h"

namespace wring::testing_support {

// What a card and a program show in one second.
struct Second {
  double util = 0, sm = 0, tensor = 0, dram = 0, fp32 = 0;
  double memory_mib = 30000;
  double launching = 0;
  std::optional<double> backward = std::nullopt;
  int readers = 0;
  double readers_busy = 0;
  double read_mib_s = 0;
  double busiest_core = 30;
};

// A run of a program on one card as the monitor's ticks, second by second; readings swing a little, as they do.
class WatchedProgram {
 public:
  explicit WatchedProgram(bool of_command = true, double program_every_s = 1)
      : builder_(std::make_unique<SummaryBuilder>(std::vector<Gpu>{card(0)}, of_command)),
        program_every_s_(program_every_s) {}

  // Imports: a busy core, nothing on the card.
  WatchedProgram& imports(int seconds) {
    Second second;
    second.memory_mib = 4;
    second.launching = 100;
    second.read_mib_s = 60;
    second.busiest_core = 100;
    return does(seconds, second);
  }
  // Makes a context, tries kernels, takes its first steps.
  WatchedProgram& starts_up(int seconds) {
    for (int i = 0; i < seconds; ++i) {
      Second second;
      second.util = i % 3 == 1 ? 7 * i : 0;
      second.sm = second.util / 3;
      second.memory_mib = 600 + 900 * i;
      second.launching = 100;
      second.backward = 0;
      second.read_mib_s = 40;
      second.busiest_core = 100;
      does(1, second);
    }
    return *this;
  }
  WatchedProgram& does(int seconds, const Second& second, double swing = 0.04) {
    std::uniform_real_distribution<double> factor(1 - swing, 1 + swing);
    for (int i = 0; i < seconds; ++i) {
      Second now = second;
      for (double* value : {&now.util, &now.sm, &now.tensor, &now.dram, &now.fp32}) {
        *value = std::min(100.0, *value * factor(random_));
      }
      now.util = std::round(now.util);
      tick(now);
    }
    return *this;
  }
  // One after the other, again and again.
  WatchedProgram& does_in_turn(int seconds, const std::vector<Second>& in_turn) {
    for (int i = 0; i < seconds; ++i) does(1, in_turn[static_cast<std::size_t>(i) % in_turn.size()]);
    return *this;
  }
  WatchedProgram& ends(double memory_mib = 30000) {
    does(1, {.memory_mib = memory_mib, .busiest_core = 100});
    does(1, {.memory_mib = 4});
    builder_->command_ended();
    return *this;
  }

  JudgedSummary summary() const { return judged(builder_->summary()); }
  GpuSummary card_summary() const { return summary().gpus.at(0); }
  CardFindings findings() const { return summary().findings.at(0); }
  std::vector<std::string> verdicts() const {
    std::vector<std::string> keys;
    for (const Finding& verdict : findings().verdicts) keys.emplace_back(verdict.key);
    return keys;
  }
  double seconds_of(Phase phase) const { return card_summary().phases.of(phase); }

 private:
  void tick(const Second& now) {
    Tick tick;
    tick.time_s = time_s_;
    tick.interval_s = 1;
    tick.gpus.resize(1);
    tick.gpus[0].sample = sample_at(time_s_, {{Metric::gpu_util, now.util},
                                              {Metric::sm_activity, now.sm},
                                              {Metric::tensor_activity, now.tensor},
                                              {Metric::dram_activity, now.dram},
                                              {Metric::fp32_activity, now.fp32},
                                              {Metric::memory_used, now.memory_mib},
                                              {Metric::memory_reserved, 612},
                                              {Metric::memory_total, 143771},
                                              {Metric::power, 100 + 5 * now.sm},
                                              {Metric::power_limit, 700}});
    tick.host.time_s = time_s_;
    tick.host.busiest_core_percent = now.busiest_core;
    tick.host.cpu_percent = (now.launching + now.readers * now.readers_busy) / 16;
    tick.host.iowait_percent = 0;
    if (time_s_ - program_s_ >= program_every_s_) tick.program = program(now);
    builder_->on_tick(tick);
    time_s_ += 1;
  }
  ProgramSample program(const Second& now) {
    ProgramSample sample;
    sample.time_s = time_s_;
    sample.window_s = time_s_ - program_s_;
    sample.launching = now.launching;
    sample.backward = now.backward;
    sample.readers = now.readers;
    sample.readers_busy = sample.busiest_reader = sample.readers_wanting = now.readers_busy;
    sample.read_mib_s = now.read_mib_s;
    program_s_ = time_s_;
    return sample;
  }

  std::unique_ptr<SummaryBuilder> builder_;
  double program_every_s_;
  double time_s_ = 1000;
  double program_s_ = 999;
  std::mt19937 random_{17};
};

// Six ordinary programs in their steady part, as an H200 shows them.

// A large network in bf16 whose sixteen workers are ahead of it.
inline Second trains_on_photographs() {
  return {.util = 86,
          .sm = 66,
          .tensor = 19,
          .dram = 47,
          .fp32 = 8,
          .launching = 92,
          .backward = 24,
          .readers = 16,
          .readers_busy = 46,
          .read_mib_s = 30};
}
// A GPT with a large batch: the main thread spins while it waits for the card.
inline Second trains_a_gpt() {
  return {.util = 97, .sm = 89, .tensor = 41, .dram = 38, .fp32 = 7, .launching = 100, .backward = 5};
}
// The main thread decodes, the card gets a batch now and then.
inline Second decodes() {
  return {.util = 0, .sm = 0.4, .launching = 99, .backward = 1, .read_mib_s = 35, .busiest_core = 99};
}
inline Second trains_on_what_was_decoded() {
  return {.util = 11,
          .sm = 6,
          .tensor = 2,
          .dram = 3,
          .fp32 = 1,
          .launching = 99,
          .backward = 2,
          .read_mib_s = 34,
          .busiest_core = 99};
}
// A GPT with a batch of one.
inline Second launches() {
  return {.util = 10,
          .sm = 2.1,
          .tensor = 0.4,
          .dram = 1.2,
          .fp32 = 0.2,
          .launching = 100,
          .backward = 23,
          .busiest_core = 96};
}
// fp32 without TF32, copies that are not pinned.
inline Second trains_in_fp32() {
  return {.util = 93,
          .sm = 74,
          .tensor = 0,
          .dram = 22,
          .fp32 = 41,
          .launching = 100,
          .backward = 7,
          .readers = 12,
          .readers_busy = 22,
          .read_mib_s = 12};
}
inline Second validates() {
  return {.util = 24,
          .sm = 9,
          .tensor = 4,
          .dram = 6,
          .launching = 97,
          .backward = 0,
          .read_mib_s = 25,
          .busiest_core = 99};
}
inline Second saves() {
  return {.util = 0, .launching = 100, .backward = 0, .busiest_core = 100};
}

}  // namespace wring::testing_support

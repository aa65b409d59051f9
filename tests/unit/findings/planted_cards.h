#pragma once
// Readings of cards in planted situations, for the tests of verdicts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "wring/base/error.h"
#include "wring/findings/features.h"
#include "wring/findings/judge.h"

namespace wring {

inline Features minute() {
  Features features;
  features.data_s = 60;
  features.steady_s = 60;
  return features;
}

// A program whose main thread does this much, in per cent of a core, of which the backward pass is a part.
inline ProgramMeans main_thread(double launching, std::optional<double> backward, double read_mib_s = 0) {
  ProgramMeans program;
  program.launching = launching;
  program.backward = backward;
  program.read_mib_s = read_mib_s;
  return program;
}

// One that waits for so many readers, each so busy.
inline ProgramMeans readers(double count, double busy) {
  ProgramMeans program = main_thread(20, 30);
  program.readers = count;
  program.readers_busy = busy;
  program.busiest_reader = busy;
  program.readers_wanting = busy;
  return program;
}

inline Features matmul_loop() {
  Features f = minute();
  f.gpu_util = 100;
  f.gpu_util_deviation = 0;
  f.sm_activity = 98;
  f.tensor_activity = 87;
  f.dram_activity = 22;
  f.power_of_limit = 97;
  return f;
}

inline Features copy_loop() {
  Features f = minute();
  f.gpu_util = 100;
  f.sm_activity = 96;
  f.tensor_activity = 0;
  f.dram_activity = 88;
  f.power_of_limit = 62;
  return f;
}

inline Features tiny_eager_model() {
  Features f = minute();
  f.gpu_util = 72;
  f.gpu_util_deviation = 3;
  f.sm_activity = 8;
  f.tensor_activity = 1;
  f.dram_activity = 2;
  f.power_of_limit = 22;
  f.host_busiest_core = 99;
  f.host_cpu = 8;
  f.host_iowait = 0;
  return f;
}

inline Features loader_without_workers() {
  Features f = minute();
  f.gpu_util = 24;
  f.gpu_util_deviation = 9;
  f.sm_activity = 16;
  f.tensor_activity = 6;
  f.dram_activity = 8;
  f.power_of_limit = 25;
  f.host_busiest_core = 98;
  f.host_cpu = 7;
  f.host_iowait = 0;
  f.program = main_thread(97, 2, 40);
  return f;
}

inline Features small_step_from_python() {
  Features f = minute();
  f.gpu_util = 10;
  f.gpu_util_deviation = 1.5;
  f.sm_activity = 2;
  f.tensor_activity = 0.3;
  f.dram_activity = 1;
  f.power_of_limit = 20;
  f.program = main_thread(99, 27);
  return f;
}

inline Features nothing_runs() {
  Features f = minute();
  f.gpu_util = 0;
  f.sm_activity = 0;
  f.power_of_limit = 11;
  f.memory_full = 0;
  return f;
}

inline Features waits_for_a_slower_card() {
  Features f = minute();
  f.gpu_util = 100;
  f.gpu_util_deviation = 0.3;
  f.sm_activity = 17;
  f.tensor_activity = 0;
  f.dram_activity = 3;
  f.power_of_limit = 31;
  f.busy_peers = 1;
  f.busiest_peer_sm_activity = 85;
  return f;
}

inline std::vector<std::string_view> keys(const Features& features) {
  std::vector<std::string_view> keys;
  for (const Finding& verdict : verdicts(features)) keys.push_back(verdict.key);
  return keys;
}

}  // namespace wring

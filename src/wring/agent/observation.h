#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "wring/trial/trial.h"

namespace wring {

// What the agent tells of one process of a program that steps a PyTorch optimiser: of a rank, where there are several.

struct ObservedProcess {
  std::int64_t pid = 0;
  std::int64_t rank = 0;
  std::int64_t local_rank = 0;
  std::int64_t world_size = 1;
  std::vector<std::string> argv;
  std::string cwd;
  std::string python;       // "3.12.3"
  std::string torch;        // "2.11.0+cu130"
  std::string device;       // "cuda:0", "cpu": where the optimiser's parameters lie
  std::string device_name;  // "" on the CPU, as is the UUID, which old versions of torch do not tell either
  std::string device_uuid;
  double startup_ms = 0;  // what the agent took before the first step
};

// Where the program makes or does something, as its own traceback would show it.
struct CodePlace {
  std::string file;
  std::int64_t line = 0;
};

// Steady steps under hooks alone.
struct ObservedSteps {
  std::int64_t n = 0;
  StepTimes step_ms;
  double mean_ms = 0;
  double loader_wait_ms = 0;               // mean of a step, in the thread that steps
  double batches_per_step = 0;             // 0: no loader gave any
  std::optional<double> samples_per_step;  // absent where batches do not tell their size
  double hook_us = 0;                      // mean of a step: what all the agent's hooks took
};

struct ObservedLoader {
  CodePlace place;
  std::string dataset;                     // its class
  std::optional<std::int64_t> batch_size;  // absent where a sampler makes the batches
  std::int64_t num_workers = 0;
  bool pin_memory = false;
  bool persistent_workers = false;
  std::optional<std::int64_t> prefetch_factor;
  double wait_ms = 0;              // of a step
  bool in_stepping_thread = true;  // else a thread of the program fetches ahead
  std::int64_t batches = 0;
};

struct ObservedOptimizer {
  CodePlace place;
  std::string type;           // its class
  std::optional<bool> fused;  // absent where neither was chosen
  std::optional<bool> foreach_;
  std::int64_t tensors = 0;
  std::int64_t elements = 0;
  std::int64_t steps = 0;
  bool counted = false;  // its steps are the steps
};

struct ParameterType {
  std::string type;  // "float32"
  std::int64_t elements = 0;
};

struct ObservedPrecision {
  std::string autocast;  // "bfloat16"; "" where none was on
  std::vector<ParameterType> parameters;
  bool tf32_matmul = false;
  bool tf32_cudnn = false;
};

// Why something was not measured, as the agent says it.
struct AgentReason {
  std::string words;  // in English
  std::string key;    // "ended_early"; "" of an older agent. agent/words.h has them
  std::optional<std::int64_t> steps;
  std::string error;  // of the program, torch or the system
};

struct ObservedTrace {
  std::filesystem::path path;  // a Chrome trace, compressed
  std::int64_t steps = 0;
};

struct ObservedSync {
  CodePlace place;
  double per_step = 0;
};

// What one large matrix product reaches on the process's GPU, in the type and with the settings of its own products.
struct ObservedRate {
  std::string type;  // "bfloat16"
  double tflops = 0;
  std::int64_t size = 0;  // of the square matrices
};

// The process's card over the window of steps, as the driver tells it from outside: medians, per cent unless the name
// says otherwise.
struct ObservedCard {
  std::int64_t readings = 0;
  std::optional<double> sm_activity;
  std::optional<double> tensor_activity;
  std::optional<double> dram_activity;
  std::optional<double> power_w;
  std::optional<double> sm_clock_mhz;
  std::optional<double> throttled_by_power;  // of the readings
  std::optional<double> throttled_by_heat;
};

struct Observation {
  // Told by traces alone: steps were timed under the profiler, and what only the agent sees (places, settings of
  // loaders, optimisers and torch, precision, memory, versions) is not known.
  bool without_agent = false;
  bool loads_in_step = false;  // then: the loader that is waited for has no workers
  ObservedProcess process;
  ObservedSteps steps;
  std::vector<ObservedLoader> loaders;  // the longest wait first
  std::vector<ObservedOptimizer> optimizers;
  ObservedPrecision precision;
  std::int64_t conv_weights = 0;   // convolutions' weights of four dimensions
  std::int64_t channels_last = 0;  // those of them in that layout
  std::int64_t compiled_modules = 0;
  bool cudnn_benchmark = false;
  bool deterministic = false;
  std::optional<TrialMemory> memory;
  std::optional<std::int64_t> cpu_cores;  // that the process may use
  std::optional<ObservedTrace> trace;
  std::optional<AgentReason> no_trace;             // where it was refused
  std::optional<std::vector<ObservedSync>> syncs;  // absent where they were not looked for
  std::optional<ObservedRate> rate;                // absent where it could not be measured
  std::optional<ObservedCard> card;                // of wring itself; absent without a driver that tells of the card
};

}  // namespace wring

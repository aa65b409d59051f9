#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "wring/base/text.h"
#include "wring/config/train_config.h"
#include "wring/tune/host_memory.h"
#include "wring/tune/search/contest.h"
#include "wring/tune/search/types.h"

namespace wring {

// A setting that is tried beside the batch size.
struct Knob {
  std::string_view name;
  std::string_view key;  // of the config: another program has the knob where its config names it
  bool needs_gpu;        // the CPU has no captured graph, and few have 16-bit units: trials there only cost their time
};
inline constexpr std::array<Knob, 5> kKnobs = {{{"precision", "use_mixed_precision", true},
                                                {"compile", "compile_model", true},
                                                {"channels_last", "channels_last", false},
                                                {"workers", "num_workers", false},
                                                {"data_cache", "data_cache", false}}};

struct KnobOptions {
  double budget_s = 60;         // for all of them; what runs then is ended
  std::int64_t max_rounds = 4;  // of A, B, each
  TrialMeasure measure{};
  std::vector<Assignment> set;        // of every trial: the batch that the search chose
  std::vector<std::string> disabled;  // names of kKnobs
  bool starts_anew = false;           // as BatchSearchOptions'
  bool numerics = true;               // may change the arithmetic (precision): same training, other roundings
  std::optional<int> compute_major;   // of the card: no bf16 below 8, no 16-bit matrix units below 7
  int cpu_cores = 1;                  // that the training may use
  double sample_bytes = 0;            // for the loader's queues; 0: not known
  std::optional<std::int64_t> host_available_bytes;
};

// One setting to be tried against the present one.
struct KnobCandidate {
  std::string knob;            // its name
  std::vector<Assignment> to;  // the keys that it sets
  double expected_gain = 0;    // of the rate, a prior: 0.3 is 30 %
  double expected_cost_s = 0;  // beyond a usual trial: compilation, decoding
};

struct KnobDecision {
  std::string knob;
  std::vector<Assignment> from;
  std::vector<Assignment> to;
  bool tried = false;
  bool kept = false;
  Contest rates;
  std::optional<double> gain;      // median over median, less 1
  std::optional<double> interval;  // half-width of its 95 % confidence interval
  Text reason;                     // with its numbers
};

struct KnobResult {
  std::vector<Assignment> kept;         // together: what to write
  std::vector<KnobDecision> decisions;  // in the order taken, pointless ones included
  std::vector<SearchTrial> trials;
  std::optional<double> disturbed;  // how much rates of one setting differ, where that was too much to compare
  bool cut_short = false;
  bool cancelled = false;
  double seconds = 0;
};

// What is worth a trial at this config, by what its own trial showed (`base`): largest expected gain for its cost
// first. What is pointless comes back in `pointless` with its reason: no workers where the step never waits for data.
std::vector<KnobCandidate> knob_candidates(const TrainConfig& config, const TrialResult& base,
                                           const KnobOptions& options, std::vector<KnobDecision>* pointless = nullptr);

// One A/B at a time, A and B in turns, each measured anew and kept only where it wins (contest.h); the next is tried on
// top of what was kept. Where the rates of one setting differ too much to compare, none is kept. `config` has the batch
// that the search chose.
KnobResult tune_knobs(TrialRunner& runner, const TrainConfig& config, const KnobOptions& options,
                      const SearchControl& control = {});

}  // namespace wring

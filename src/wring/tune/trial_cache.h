#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "wring/base/text.h"
#include "wring/config/train_config.h"
#include "wring/trial/trial.h"

namespace wring {

// Where trials were measured, beside the config: a result holds for these alone.
struct TrialPlace {
  std::string program;                                        // "wring-train", or the command as typed
  std::vector<std::pair<std::string, std::string>> software;  // "torch" → "2.11.0", "cuda", "cudnn", "driver", "wring"
  std::string card;                                           // "NVIDIA H200"; "" without one
  int gpus = 1;
  std::vector<Assignment> foreign;  // keys of the config that Wring does not know, for another program
  int ranks = 1;                    // that run every trial together
};

// A request as its kept trial says it: what it sets in its order, for a later value of one key wins.
nlohmann::json request_json(const TrialRequest& request);

// All that a result depends on, name by name, in a fixed order.
struct TrialKey {
  std::map<std::string, std::string> facts;

  // 16 hex digits, the same on every machine: FNV-1a over the facts, each with its length.
  std::string hash() const;
};

// Of the config with the request's values in their places: network, shapes, precision, loader, what and how long is
// measured. Keys that no step depends on (lr, seed, total_iters, names, …) are left out.
TrialKey trial_key(const TrainConfig& config, const TrialRequest& request, const TrialPlace& place);

// One JSON file a trial in a folder. Repeats of one request are numbered, so that they stay different measurements.
class TrialCache {
 public:
  explicit TrialCache(std::filesystem::path folder) : folder_(std::move(folder)) {}

  // The `repeat`-th result for this key (from 0); absent where there is none, or none that can be read.
  std::optional<TrialResult> find(const TrialKey& key, int repeat);
  // Written atomically. A folder that cannot be written to becomes a note, once.
  void store(const TrialKey& key, int repeat, const TrialRequest& request, const TrialResult& result);

  // As if it had never been stored.
  void remove(const TrialKey& key, int repeat);

  // Files that could not be read or are not ours, and folders that could not be written to.
  const std::vector<Text>& notes() const { return notes_; }

 private:
  std::filesystem::path path_of(const TrialKey& key, int repeat) const;
  void note_once(Text note);

  std::filesystem::path folder_;
  std::vector<Text> notes_;
};

// ok and oom say the same again on the same machine; an error, a hang or a kill may have had a passing cause.
bool reusable(const TrialResult& result);

// Answers from the cache where it can, and stores what it has to run. The n-th ask for a request in one life of this
// runner is answered by the n-th stored result: repeats are repeats. One that has to be fresh is always run.
class CachedRunner : public TrialRunner {
 public:
  CachedRunner(TrialRunner& inner, std::filesystem::path folder, TrainConfig config, TrialPlace place);

  TrialResult run(const TrialRequest& request) override;

  // Removes what this runner has stored: rates of a disturbed machine are of no use to a later search.
  void forget();

  int reused() const { return reused_; }
  const std::vector<Text>& notes() const { return cache_.notes(); }

 private:
  TrialRunner& inner_;
  TrialCache cache_;
  TrainConfig config_;
  TrialPlace place_;
  std::map<std::string, int> asked_;
  std::vector<std::pair<TrialKey, int>> stored_;
  int reused_ = 0;
};

}  // namespace wring

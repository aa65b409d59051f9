#pragma once
#include <map>
#include <string>
#include <vector>

#include "wring/base/text.h"
#include "wring/config/train_config.h"

namespace wring {

struct TrainingImages;

// What the weights of a run follow from beside its state: the keys of its config that count, its images, its ranks.
// Every state has them in its metadata, so that a resumed run can say what has changed since.
using RunFacts = std::map<std::string, std::string>;

RunFacts run_facts(const TrainConfig& config, const TrainingImages& images, int ranks);

// Those in a state's metadata.
RunFacts facts_in(const std::map<std::string, std::string>& metadata);

// A line for each key that is not as it was, and one for the images. Facts that only one side has are passed over.
std::vector<Text> changed_facts(const RunFacts& before, const RunFacts& now);

}  // namespace wring

#pragma once
#include <string>
#include <vector>

#include "wring/agent/observation.h"
#include "wring/base/text.h"

namespace wring {

// What was seen of one process, a line each, the rank first: how long its steps take and what they wait for, its
// loaders and optimisers with their places, precision, memory. Figures alone, no judgement.
std::vector<Text> observed_facts(const Observation& observation);

// "train.py:31", below the folder that the program ran in without that folder; "" where the place is not known.
std::string place_text(const CodePlace& place, const ObservedProcess& process);

}  // namespace wring

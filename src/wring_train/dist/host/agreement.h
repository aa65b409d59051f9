#pragma once
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "wring/base/text.h"

namespace wring {

// What must be the same on all ranks of a run, and is found out before they train.
struct RankFact {
  Text name;          // "lr", "the number of training images"
  std::string value;  // empty: not known here, and not compared
};
using RankFacts = std::vector<RankFact>;

// Lines of text, for the way between ranks.
std::string written_facts(const RankFacts& facts);

// The facts whose value is another than rank 0's, each with both values; empty where there is none. A fact that only
// one of the two has, as ranks of different versions may, is passed over.
std::string unlike_facts(const std::string& rank_zeros_facts, const RankFacts& own);

// Of what each rank found so: "lr is 0.001 on rank 0 and 0.5 on rank 1 (gpu07)". nullopt where all agree.
std::optional<Text> describe_unlike(std::span<const std::string> unlike, std::span<const std::string> hosts);

}  // namespace wring

#include "wring/findings/program.h"

#include <algorithm>
#include <utility>

namespace wring {

const ObservedLoader* ProgramDiagnosis::waited_for() const {
  const auto& loaders = input_.seen.loaders;
  const auto first = std::ranges::find_if(loaders, &ObservedLoader::in_stepping_thread);
  return first == loaders.end() ? nullptr : &*first;
}

const ObservedOptimizer* ProgramDiagnosis::counted_optimizer() const {
  const auto& optimizers = input_.seen.optimizers;
  const auto counted = std::ranges::find_if(optimizers, &ObservedOptimizer::counted);
  return counted == optimizers.end() ? nullptr : &*counted;
}

ProgramFinding& ProgramDiagnosis::add(std::string_view key, Text headline, double give_back_ms, double confidence,
                                      Text numbers, Text rule) {
  Finding finding{key, std::move(headline), std::move(numbers), std::move(rule), confidence, {}, {}};
  found_.push_back({std::move(finding), give_back_ms, percent_of_step(give_back_ms), {}});
  return found_.back();
}

double ProgramDiagnosis::largest_share() const {
  double largest = 0;
  for (const ProgramFinding& one : found_) largest = std::max(largest, one.share);
  return largest;
}

std::vector<ProgramFinding> ProgramDiagnosis::finish() && {
  std::ranges::stable_sort(found_, std::greater{}, &ProgramFinding::give_back_ms);
  return std::move(found_);
}

}  // namespace wring

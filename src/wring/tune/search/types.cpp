#include "wring/tune/search/types.h"

namespace wring {

std::string_view role_name(TrialRole role) {
  switch (role) {
    case TrialRole::own:
      return "own";
    case TrialRole::probe:
      return "probe";
    case TrialRole::jump:
      return "jump";
    case TrialRole::verify:
      return "verify";
    case TrialRole::refine:
      return "refine";
    case TrialRole::compare:
      return "compare";
    case TrialRole::validate:
      return "validate";
    case TrialRole::soak:
      return "soak";
    case TrialRole::confirm:
      return "confirm";
    case TrialRole::knob:
      return "knob";
  }
  return "";
}

const SearchTrial* BatchSearchResult::chosen_trial() const {
  if (!batch) return nullptr;
  for (auto trial = trials.rbegin(); trial != trials.rend(); ++trial) {
    if (trial->batch == *batch && trial->result.outcome == TrialOutcome::ok) return &*trial;
  }
  return nullptr;
}

}  // namespace wring

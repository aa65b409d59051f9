#include "wring/plan/draft.h"

#include <algorithm>

#include "wring/config/values.h"

namespace wring {
namespace {

const Key& key_of(const Member& member) {
  return *std::ranges::find(keys(), member, &Key::member);
}

}  // namespace

Draft::Draft(const ConfigFile& file, const Machine& machine, const PlanOptions& options)
    : original_(file.values), options_(options), target_(target_for(machine, file.values)) {
  plan_.machine = machine;
  plan_.basic_mode = !machine.card;
  plan_.result = file.values;
}

Text Draft::because(const Text& reason) const {
  return {target_.label.en + ": " + reason.en, target_.label.zh + "：" + reason.zh};
}

std::string Draft::text_of(const Member& member) const {
  return value_text(plan_.result, key_of(member));
}

void Draft::record(const Member& member, std::string old_value, Effect effect, Text reason) {
  plan_.changes.push_back(
      {key_of(member).name, std::move(old_value), text_of(member), std::move(reason), effect, rule_});
}

}  // namespace wring

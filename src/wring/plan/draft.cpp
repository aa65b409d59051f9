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
    : file_(file), options_(options), target_(target_for(machine, file.values)) {
  plan_.machine = machine;
  plan_.basic_mode = !machine.card;
  plan_.result = file.values;
}

// A key without a value ("lr:") has its default too.
bool Draft::names(std::string_view key) const {
  const ConfigEntry* entry = file_.find(key);
  return entry != nullptr && !entry->value.empty();
}

Plan Draft::finish() && {
  const int gpus = std::max(1, plan_.machine.gpus);
  plan_.run_before = run_length(original(), gpus);
  plan_.run_after = run_length(config(), gpus);
  return std::move(plan_);
}

Text Draft::because(const Text& reason) const {
  return {"{}: {}", "{}：{}", target_.label, reason};
}

std::string Draft::text_of(const Member& member) const {
  return value_text(plan_.result, key_of(member));
}

void Draft::record(const Member& member, std::string old_value, Text reason) {
  const Key& key = key_of(member);
  plan_.changes.push_back(
      {key.name, std::move(old_value), text_of(member), std::move(reason), key.effect, rule_, !names(key.name)});
}

}  // namespace wring

#include "wring/plan/planner.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "wring/base/error.h"
#include "wring/config/patcher.h"
#include "wring/files/files.h"
#include "wring/plan/draft.h"
#include "wring/plan/rules/rules.h"

namespace wring {
namespace fs = std::filesystem;
namespace {

struct Rule {
  const char* name;
  void (*run)(Draft&);
};

constexpr std::array<Rule, 10> kRules = {{
    {"model_size", rules::model_size},
    {"patch_size", rules::patch_size},
    {"perceptual", rules::perceptual},
    {"mixed_precision", rules::mixed_precision},
    {"batch_size", rules::batch_size},
    {"workers", rules::workers},
    {"pinned_memory", rules::pinned_memory},
    {"compile", rules::compile},
    {"grad_clip", rules::grad_clip},
    {"run_length", rules::run_length},
}};

void require_known(std::span<const std::string> names) {
  for (const std::string& name : names) {
    if (std::ranges::find(plan_rules(), name) != plan_rules().end()) continue;
    const std::string list = fmt::format("{}", fmt::join(plan_rules(), ", "));
    throw Error(ErrorCode::usage, Text("unknown rule '{}'", "未知的规则“{}”", name),
                Text("the rules are: " + list, "规则有：" + list));
  }
}

void note_basic_mode(Draft& draft) {
  draft.note(
      {"no GPU is known here, so these values are a first guess; plan again on the machine that trains, or name its "
       "card with wring optimize --gpu or --gpu-memory",
       "此处未检测到 GPU，因此这些值只是初步估计；请在训练机器上重新规划，或用 wring optimize --gpu、--gpu-memory "
       "指定显卡"});
}

}  // namespace

std::span<const std::string> plan_rules() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const Rule& rule : kRules) all.emplace_back(rule.name);
    return all;
  }();
  return names;
}

Plan make_plan(const ConfigFile& config, const Machine& machine, const PlanOptions& options) {
  require_known(options.disabled_rules);
  Draft draft(config, machine, options);
  for (const Rule& rule : kRules) {
    if (std::ranges::find(options.disabled_rules, rule.name) != options.disabled_rules.end()) continue;
    draft.enter_rule(rule.name);
    rule.run(draft);
  }
  if (draft.basic_mode()) note_basic_mode(draft);
  return std::move(draft).finish();
}

Text old_value_text(const Change& change) {
  if (!change.old_is_default) return change.old_value;
  return {change.old_value + " (default)", change.old_value + "（默认）"};
}

std::string planned_text(const ConfigFile& config, const Plan& plan) {
  std::vector<Assignment> assignments;
  for (const Change& change : plan.changes) assignments.push_back({change.key, change.new_value});
  return patch_yaml(config.text, assignments, config.path);
}

void write_plan(const ConfigFile& config, const Plan& plan, const fs::path& out) {
  write_file_atomically(out, planned_text(config, plan));
}

fs::path optimized_path(const fs::path& in) {
  constexpr std::string_view kSuffix = "_config";
  std::string stem = in.stem().string();
  if (stem.size() > kSuffix.size() && stem.ends_with(kSuffix)) stem.resize(stem.size() - kSuffix.size());
  return in.parent_path() / (stem + "_gpu_optimized" + (in.has_extension() ? in.extension().string() : ".yaml"));
}

}  // namespace wring

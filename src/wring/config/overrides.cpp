#include "wring/config/overrides.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "wring/config/keys.h"
#include "wring/config/reader.h"
#include "wring/config/values.h"

namespace wring {
namespace {

// Changes the keys that hang on another's new value, and tells of it.
class Followers {
 public:
  Followers(TrainConfig& config, Overrides& overrides)
      : config_(config), overrides_(overrides), given_(overrides.assignments) {}

  bool given(const std::string& key) const {
    return std::ranges::any_of(given_, [&](const std::string& one) { return one.starts_with(key + "="); });
  }

  template <typename Value>
  void change(const char* name, Value TrainConfig::*member, Value value, const Text& why) {
    const Key& key = *find_key(name);
    const std::string before = value_text(config_, key);
    config_.*member = std::move(value);
    const std::string after = value_text(config_, key);
    overrides_.assignments.push_back(fmt::format("{}={}", name, after));
    overrides_.notes.emplace_back(fmt::format("{}: {} → {}, {}", name, before, after, why.en),
                                  fmt::format("{}：{} → {}，{}", name, before, after, why.zh));
  }

 private:
  TrainConfig& config_;
  Overrides& overrides_;
  const std::vector<std::string> given_;
};

// The same place in a run of another length, within it where the run has room at all.
std::int64_t in_proportion(std::int64_t step, std::int64_t old_total, std::int64_t new_total) {
  const double share = static_cast<double>(step) / static_cast<double>(old_total);
  const std::int64_t moved = std::llround(share * static_cast<double>(new_total));
  return std::min(std::max<std::int64_t>(1, moved), new_total - 1);
}

Text in_proportion_to(std::int64_t total) {
  return {"in proportion to total_iters {} (--set)", "按 total_iters {}（--set）等比例调整", total};
}

void shorten_warm_up(const TrainConfig& file, TrainConfig& config, Followers& followers) {
  const bool fitted = file.warmup_iters < file.total_iters;
  if (followers.given("warmup_iters") || !fitted || config.warmup_iters < config.total_iters) return;
  followers.change("warmup_iters", &TrainConfig::warmup_iters,
                   in_proportion(file.warmup_iters, file.total_iters, config.total_iters),
                   in_proportion_to(config.total_iters));
}

void move_milestones(const TrainConfig& file, TrainConfig& config, Followers& followers) {
  if (config.scheduler != "multistep" || followers.given("milestones") || file.milestones.empty()) return;
  const bool fitted = file.milestones.back() < file.total_iters;
  if (!fitted || config.milestones.back() < config.total_iters) return;
  if (config.total_iters == 1) {  // no step lies before its end
    followers.change("scheduler", &TrainConfig::scheduler, std::string("constant"),
                     {"a run of one step has no milestone", "只有一步的训练没有里程碑"});
    return;
  }
  std::vector<std::int64_t> moved;
  for (const std::int64_t step : file.milestones) {
    const std::int64_t place = in_proportion(step, file.total_iters, config.total_iters);
    if (moved.empty() || place > moved.back()) moved.push_back(place);
  }
  followers.change("milestones", &TrainConfig::milestones, std::move(moved), in_proportion_to(config.total_iters));
}

}  // namespace

Overrides override_values(TrainConfig& config, const std::vector<std::string>& assignments,
                          const std::filesystem::path& path) {
  const TrainConfig file = config;
  Overrides overrides{assignments, {}};
  for (const std::string& assignment : assignments) set_value(config, assignment);
  Followers followers(config, overrides);
  if (followers.given("total_iters")) {
    shorten_warm_up(file, config, followers);
    move_milestones(file, config, followers);
  }
  check_combinations(config, path, overrides.assignments);
  return overrides;
}

}  // namespace wring

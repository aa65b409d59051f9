#include "wring/report/tuning/measured.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include "wring/report/tuning/words.h"
#include "wring/tune/search/types.h"
#include "wring/tune/statistics.h"

namespace wring {
namespace {

using Asked = std::tuple<std::string, int, std::int64_t>;  // settings, data, batch

Asked asked_by(const TuningRecord& record, const RecordedTrial& trial) {
  return {settings_text(trial.request, record.batch_key), static_cast<int>(trial.request.measure.data),
          trial.batch_size};
}

bool ran(const RecordedTrial& trial) {
  return trial.result.outcome == TrialOutcome::ok;
}

bool has_role(const RecordedTrial& trial, TrialRole role) {
  return trial.purpose == role_name(role);
}

// As the search counts (batch_picture.cpp): a validation in between is no step's time. A comparison at the end goes
// before all where what was chosen rests on it; where it was lost, the search's own trials are what its reason tells.
// The trials of a setting count where the search has none of the same, and what an earlier run measured where this one
// has none.
std::vector<std::size_t> counting(const TuningRecord& record, const std::vector<std::size_t>& group) {
  std::vector<std::size_t> kept;
  for (const std::size_t i : group) {
    const RecordedTrial& trial = record.trials[i];
    const bool validated = has_role(trial, TrialRole::soak) || has_role(trial, TrialRole::validate);
    if (ran(trial) && trial.result.samples_per_s && !validated) kept.push_back(i);
  }
  const auto prefer = [&](const auto& better) {
    if (std::ranges::none_of(kept, better)) return;
    std::erase_if(kept, [&](std::size_t i) { return !better(i); });
  };
  prefer([&](std::size_t i) { return has_role(record.trials[i], TrialRole::confirm) == record.compared; });
  prefer([&](std::size_t i) { return !has_role(record.trials[i], TrialRole::knob); });
  prefer([&](std::size_t i) { return !record.trials[i].result.reused; });
  return kept;
}

Measured measured_of(const TuningRecord& record, const std::vector<std::size_t>& group) {
  Measured measured;
  measured.trials = counting(record, group);
  measured.shown = group.back();
  std::vector<double> rates;
  for (const std::size_t i : measured.trials) rates.push_back(*record.trials[i].result.samples_per_s);
  if (!rates.empty()) {
    const double median = median_of(rates);
    measured.samples_per_s = median;
    measured.spread = spread_of(rates);
    measured.shown = *std::ranges::min_element(
        measured.trials, {}, [&](std::size_t i) { return std::abs(*record.trials[i].result.samples_per_s - median); });
  }
  measured.step_ms = record.trials[measured.shown].result.step_ms;
  measured.verdict = measured.shown;
  for (const std::size_t i : group) {
    const RecordedTrial& trial = record.trials[i];
    if (const auto peak = measured_peak_mib(trial.result.memory); peak && ran(trial)) {
      measured.peak_mib = std::max(measured.peak_mib.value_or(0), *peak);
    }
    if (!ran(trial) && trial.result.outcome != TrialOutcome::cut_off) measured.verdict = i;
  }
  return measured;
}

std::map<Asked, std::vector<std::size_t>> groups_of(const TuningRecord& record) {
  std::map<Asked, std::vector<std::size_t>> groups;
  for (std::size_t i = 0; i < record.trials.size(); ++i) groups[asked_by(record, record.trials[i])].push_back(i);
  return groups;
}

}  // namespace

Measured measured_like(const TuningRecord& record, std::size_t trial) {
  return measured_of(record, groups_of(record).at(asked_by(record, record.trials.at(trial))));
}

std::vector<Measured> all_measured(const TuningRecord& record) {
  std::vector<Measured> all;
  for (const auto& [asked, group] : groups_of(record)) all.push_back(measured_of(record, group));
  return all;
}

std::optional<Measured> measured_before(const TuningRecord& record) {
  return record.before ? std::optional(measured_like(record, *record.before)) : std::nullopt;
}

std::optional<Measured> measured_after(const TuningRecord& record) {
  return record.after ? std::optional(measured_like(record, *record.after)) : std::nullopt;
}

std::optional<double> speed_up(const TuningRecord& record) {
  if (record.changes.empty()) return std::nullopt;
  const auto before = measured_before(record), after = measured_after(record);
  if (!before || !after || !before->samples_per_s || !after->samples_per_s) return std::nullopt;
  return *after->samples_per_s / *before->samples_per_s;
}

}  // namespace wring

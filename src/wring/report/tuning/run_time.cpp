#include "wring/report/tuning/run_time.h"

#include <fmt/format.h>

#include "wring/report/tuning/measured.h"

namespace wring {
namespace {

std::optional<double> hours(const RunLength& run, const std::optional<Measured>& measured) {
  if (!measured || measured->samples_per_s.value_or(0) <= 0) return std::nullopt;
  return run_hours(run, *measured->samples_per_s);
}

}  // namespace

std::optional<double> run_hours_before(const TuningRecord& record) {
  return record.run ? hours(record.run->before, measured_before(record)) : std::nullopt;
}

std::optional<double> run_hours_after(const TuningRecord& record) {
  return record.run ? hours(record.run->after, measured_after(record)) : std::nullopt;
}

Text run_text(const TuningRecord& record) {
  const auto before = run_hours_before(record), after = run_hours_after(record);
  if (!after) return {};
  const Text samples = run_length_text(record.run->before, record.run->after);
  const Text now = hours_text(*after);
  // Two measurements of one configuration are noise.
  const Text then = before && !record.changes.empty() ? hours_text(*before) : Text();
  const Text times =
      then.empty() ? Text("{}", "需 {}", now) : Text("{} before, {} after", "原需 {}，现需 {}", then, now);
  return {"The whole run: {} (training steps alone, at the measured rate); {}.",
          "整个训练：{}（仅训练步，按实测速率）；{}。", times, samples};
}

}  // namespace wring

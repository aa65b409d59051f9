#include "wring/plan/run_length.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>

#include <fmt/format.h>

#include "wring/config/keys.h"
#include "wring/config/values.h"

namespace wring {
namespace {

struct Unit {
  double size;
  const char* name;
};

constexpr std::array<Unit, 3> kUnits = {{{1e12, " trillion"}, {1e9, " billion"}, {1e6, " million"}}};
constexpr std::array<Unit, 3> kUnitsZh = {{{1e12, " 万亿"}, {1e8, " 亿"}, {1e4, " 万"}}};

// Three digits in the largest unit that fits.
std::string count_text(double count, const std::array<Unit, 3>& units) {
  for (const Unit& unit : units) {
    const double in_units = count / unit.size;
    if (in_units < 0.9995) continue;
    return in_units < 999.5 ? fmt::format("{:.3g}{}", in_units, unit.name)
                            : fmt::format("{:.0f}{}", in_units, unit.name);
  }
  return fmt::format("{:.0f}", count);
}

// The longest run that total_iters can name.
double most_steps() {
  return find_key("total_iters")->maximum;
}

std::int64_t scaled(std::int64_t steps, double factor) {
  const double most = most_steps();
  return static_cast<std::int64_t>(std::clamp(std::round(static_cast<double>(steps) * factor), 1.0, most));
}

}  // namespace

double RunLength::pixels_per_step() const {
  return static_cast<double>(samples_per_step) * static_cast<double>(patch_size) * static_cast<double>(patch_size);
}

double RunLength::samples() const {
  return static_cast<double>(total_iters) * static_cast<double>(samples_per_step);
}

double RunLength::pixels() const {
  return static_cast<double>(total_iters) * pixels_per_step();
}

RunLength run_length(const TrainConfig& config, int ranks) {
  return {config.total_iters, config.batch_size * config.gradient_accumulation_steps * ranks, config.patch_size};
}

double run_hours(const RunLength& run, double samples_per_s) {
  return run.samples() / samples_per_s / 3600.0;
}

TrainConfig with_same_pixels(const TrainConfig& before, TrainConfig after) {
  const double wanted = run_length(before).pixels_per_step() / run_length(after).pixels_per_step();
  const double factor = std::min(wanted, most_steps() / static_cast<double>(before.total_iters));
  if (factor == 1.0) return after;
  after.total_iters = scaled(before.total_iters, factor);
  after.val_freq = scaled(before.val_freq, factor);
  after.checkpoint_freq = scaled(before.checkpoint_freq, factor);
  if (before.warmup_iters > 0) after.warmup_iters = scaled(before.warmup_iters, factor);
  std::int64_t last = 0;
  for (std::int64_t& milestone : after.milestones) {
    milestone = std::max(scaled(milestone, factor), last + 1);
    last = milestone;
  }
  // Rounding must not let the warm-up or a milestone meet the end.
  const bool counts = after.scheduler == "multistep";
  after.total_iters = std::max({after.total_iters, after.warmup_iters + 1, counts ? last + 1 : 1});
  return after;
}

Text run_length_text(const RunLength& before, const RunLength& after) {
  const auto steps = [](const RunLength& run) {
    return Text("{} steps of {}", "{} 步 × {}", run.total_iters, run.samples_per_step);
  };
  const auto samples = [](const RunLength& run) {
    return Text(count_text(run.samples(), kUnits), count_text(run.samples(), kUnitsZh));
  };
  if (before == after) {
    return {"{} samples ({}), the same before and after", "样本数为 {}（{}），前后相同", samples(after), steps(after)};
  }
  const std::string more_samples = ratio_text(after.samples() / before.samples());
  const std::string more_pixels = ratio_text(after.pixels() / before.pixels());
  return {"{} samples before ({}), {} after ({}): {} × the samples, {} × the pixels",
          "样本数原为 {}（{}），改后为 {}（{}）：样本为原来的 {} 倍，像素为原来的 {} 倍",
          samples(before),
          steps(before),
          samples(after),
          steps(after),
          more_samples,
          more_pixels};
}

Text average_note(const TrainConfig& before, const TrainConfig& after) {
  constexpr double kShareThatMatters = 0.1;
  if (after.ema_decay <= 0 || after.total_iters >= before.total_iters) return {};
  const double averaged = 1.0 / (1.0 - after.ema_decay);  // steps
  if (averaged < kShareThatMatters * static_cast<double>(after.total_iters)) return {};
  const double forgets =
      (1.0 - after.ema_decay) * static_cast<double>(before.total_iters) / static_cast<double>(after.total_iters);
  const double same_share = forgets < 1 ? 1.0 - std::strtod(fmt::format("{:.2g}", forgets).c_str(), nullptr) : 0.0;
  const std::string now = number_text(after.ema_decay), then = fmt::format("{:g}", same_share);
  return {
      "ema_decay {} averages the weights of about {:.0f} steps, and the run now has {}; ema_decay {} "
      "averages over the share of the run that it was before",
      "ema_decay {} 约对 {:.0f} 步的权重取平均，而现在总共只有 {} 步；ema_decay 取 {} "
      "时，平均所占的训练比例与原来相同",
      now,
      averaged,
      after.total_iters,
      then};
}

std::string ratio_text(double ratio) {
  return ratio < 999.5 ? fmt::format("{:.3g}", ratio) : fmt::format("{:.0f}", ratio);
}

Text hours_text(double hours) {
  const auto text = [](double value, int digits, const char* unit, const char* unit_zh) {
    return Text(fmt::format("{:.{}f} {}", value, digits, unit), fmt::format("{:.{}f} {}", value, digits, unit_zh));
  };
  if (hours >= 0.995) return text(hours, hours >= 9.95 ? 0 : 1, "h", "小时");
  const double minutes = 60 * hours;
  return minutes >= 0.995 ? text(minutes, 0, "min", "分钟") : text(60 * minutes, 0, "s", "秒");
}

}  // namespace wring

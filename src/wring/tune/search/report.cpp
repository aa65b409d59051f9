#include "wring/tune/search/report.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "wring/tune/search/sentences.h"
#include "wring/tune/search/steps.h"
#include "wring/tune/search/trial.h"
#include "wring/tune/search/words.h"

namespace wring {
namespace {

// The memory line through every size but this one: what it foretold, not what it was fitted to.
std::optional<double> foretold_peak(const BatchPicture& picture, std::int64_t batch) {
  std::vector<LinePoint> others;
  for (const SizePicture& size : picture.sizes) {
    if (size.batch != batch && size.peak_mib && size.fit != Fit::retries) {
      others.push_back({size.batch, static_cast<double>(*size.peak_mib)});
    }
  }
  const LineFit fit = fit_memory_line(others);
  return fit.line ? std::optional(fit.line->at(static_cast<double>(batch))) : std::nullopt;
}

void fill_memory(BatchSearchResult& result, const BatchPicture& picture, const SizePicture& chosen) {
  result.predicted_peak_mib = foretold_peak(picture, chosen.batch);
  result.peak_mib = chosen.peak_mib;
  for (const SearchTrial& trial : result.trials) {
    if (trial.batch != chosen.batch || trial.result.outcome != TrialOutcome::ok) continue;
    if (const auto peak = measured_peak_mib(trial.result.memory)) {
      result.peak_mib = std::max(result.peak_mib.value_or(0), *peak);
    }
  }
  if (result.peak_mib && picture.capacity_mib) result.headroom_mib = *picture.capacity_mib - *result.peak_mib;
}

void fill_failures(BatchSearchResult& result, const BatchPicture& picture) {
  for (const SizePicture& size : picture.sizes) {
    if (size.fit == Fit::fits || (result.batch && size.batch <= *result.batch)) continue;
    result.next_failed = FailedSize{size.batch, size.fit, size.outcome, size.how};
    return;
  }
}

// Only what was run proves it, at twice the batch or more.
bool larger_does_not_help(const BatchPicture& picture, const SizePicture& chosen, const BatchSearchOptions& options) {
  const SizePicture* largest = picture.largest_usable();
  if (largest == nullptr || largest->batch < 2 * chosen.batch) return false;
  return best_above(picture, chosen.batch)->rate <= chosen.rate * (1 + 1.5 * options.epsilon);
}

Text why_not_more(const BatchSearchResult& result, const TrialResult& trial) {
  const double wait = data_wait_share(trial);
  if (wait > kDataWaitShare) {
    return {"each step waits {} % of its time for data: more workers or a data cache, not a larger batch",
            "每步有 {}% 的时间在等待数据：应增加 worker 或使用数据缓存，而不是增大 batch", percent_figure(wait)};
  }
  if (result.larger_does_not_help) {
    return {
        "a larger batch does not raise the rate: what is left lies between the kernels (compile_model) or in the "
        "network's size",
        "增大 batch 不再提高速率：剩余空闲在内核之间（compile_model）或源于网络太小"};
  }
  if (result.next_failed) {
    return {"a larger batch does not fit (batch {}: {})", "更大的 batch 不可行（batch {}：{}）",
            result.next_failed->batch, result.next_failed->how};
  }
  if (result.cut_short) {
    return {"the search ended before larger sizes were tried", "搜索在尝试更大的 batch 之前已结束"};
  }
  return {"the sizes above are held back by a limit (memory, host memory or max_batch)",
          "更大的 batch 受到限制（显存、主机内存或上限）"};
}

void fill_target(BatchSearchResult& result, const BatchSearchOptions& options) {
  const SearchTrial* trial = result.chosen_trial();
  if (trial == nullptr) return;
  // The mean of a trial with a validation includes it; a plain one is the training alone.
  for (const SearchTrial& other : result.trials) {
    if (other.batch == *result.batch && !other.request.measure.validate && other.result.utilisation.gpu_util) {
      trial = &other;
    }
  }
  result.gpu_util = trial->result.utilisation.gpu_util;
  if (!options.target_gpu_util) return;
  const double target = *options.target_gpu_util;
  if (!result.gpu_util) {
    result.target_util_text = {"GPU-Util could not be read; the target was {:.0f} %",
                               "无法读取 GPU 利用率；目标为 {:.0f}%", target};
    return;
  }
  result.target_util_met = *result.gpu_util >= target;
  result.target_util_text = {"GPU-Util {:.0f} %, target {:.0f} %", "GPU 利用率 {:.0f}%，目标 {:.0f}%", *result.gpu_util,
                             target};
  if (*result.target_util_met) return;
  const Text why = why_not_more(result, trial->result);
  result.target_util_text += Text(": {}", "：{}", why);
}

void fill_notes(BatchSearchResult& result, const BatchPicture& picture, const BatchSearchOptions& options) {
  for (const SizePicture& size : picture.sizes) {
    const bool larger_ran = picture.largest_usable() != nullptr && picture.largest_usable()->batch > size.batch;
    if (size.fit == Fit::fits || !larger_ran) continue;
    result.notes.emplace_back(fmt::format("batch {} does not fit although larger ones do: {}", size.batch, size.how.en),
                              fmt::format("batch {} 不可行，尽管更大的可行：{}", size.batch, size.how.zh));
  }
  if (picture.noise > options.epsilon && !result.disturbed) {
    result.notes.emplace_back(
        fmt::format("repeats of one size differ by {} %: something else uses this machine, or its "
                    "clocks move",
                    percent_figure(picture.noise)),
        fmt::format("同一大小的重复测量相差 {}%：机器上有其他任务，或时钟频率在变化", percent_figure(picture.noise)));
  }
  if (result.soaked && options.validates && result.soak_steps < options.min_soak_steps) {
    result.notes.emplace_back(fmt::format("the soak had {} steps only, for want of time", result.soak_steps),
                              fmt::format("由于时间不足，长测只有 {} 步", result.soak_steps));
  }
}

void fill_choice(BatchSearchResult& result, const BatchPicture& picture, const BatchSearchOptions& options,
                 const SizePicture& chosen) {
  result.batch = chosen.batch;
  result.rate = chosen.rate;
  // The noise is that of all repeats together, so that the normal quantile serves.
  result.rate_interval = 1.96 * chosen.relative_error;
  const SizePicture& best = fastest(picture, chosen);
  result.best_rate = best.rate;
  result.best_batch = best.batch;
  const SizePicture* own = own_size(picture, options);
  if (own != nullptr && own != &chosen) result.gain = contest_of(picture, *own, chosen).gain();
  result.larger_does_not_help = larger_does_not_help(picture, chosen, options);
  fill_memory(result, picture, chosen);
}

}  // namespace

void conclude(BatchSearchResult& result, const BatchPicture& picture, const BatchSearchOptions& options,
              const SearchEnd& end) {
  result.memory_line = picture.memory;
  result.time_line = picture.time;
  result.capacity_mib = picture.capacity_mib;
  result.reserve_mib = picture.reserve_mib;
  result.cancelled = end.cancelled;
  result.cut_short = end.cut_short || end.cancelled;
  if (picture.spread > kDisturbed) result.disturbed = picture.spread;
  if (const SizePicture* own = own_size(picture, options)) result.start_rate = own->rate;
  for (SearchTrial& trial : result.trials) {
    const SizePicture* size = picture.find(trial.batch);
    if (trial.fit == Fit::fits && size != nullptr && (size->fit == Fit::no_room || size->fit == Fit::collapses)) {
      trial.fit = size->fit;
      trial.note = size->how;
    }
    if (trial.role == TrialRole::soak && trial.batch == (end.chosen != nullptr ? end.chosen->batch : 0)) {
      result.soak_steps = trial.result.step_ms.n;
    }
  }
  if (end.chosen != nullptr) fill_choice(result, picture, options, *end.chosen);
  fill_failures(result, picture);
  fill_notes(result, picture, options);
  if (end.chosen != nullptr) fill_target(result, options);
  if (result.disturbed) {
    result.reason = sentence_of_disturbance(*result.disturbed);
  } else if (end.chosen == nullptr) {
    result.reason = reason_for_nothing(result, options, end);
  } else {
    const bool stays = end.chosen == own_size(picture, options);
    result.reason =
        stays ? sentence_of_staying(picture, *end.chosen, end) : sentence_of_choice(picture, *end.chosen, options);
    result.details = details_of(result, picture, options, end);
    append(result.reason, result.details);
  }
}

}  // namespace wring

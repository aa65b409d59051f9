#include "wring/tune/search/sentences.h"

#include <algorithm>

#include <fmt/format.h>

#include "wring/trial/telling_line.h"
#include "wring/tune/search/words.h"

namespace wring {
namespace {

// From this share on a budget has ended; before, what is left of it is too little.
constexpr double kUsedUp = 0.95;

double stated_budget_s(const BatchSearchOptions& options) {
  return options.stated_budget_s.value_or(options.budget_s);
}

// The fastest of the other sizes; nullptr where none ran.
const SizePicture* best_other(const BatchPicture& picture, const SizePicture& own, const SearchEnd& end) {
  const SizePicture* best = nullptr;
  for (const SizePicture& size : picture.sizes) {
    if (&size == &own || !size.usable() || (end.failed_soak && size.batch >= *end.failed_soak)) continue;
    if (best == nullptr || size.rate > best->rate) best = &size;
  }
  return best;
}

// Whether nothing smaller that was measured comes as near to the best.
bool is_smallest_within(double epsilon, const BatchPicture& picture, const SizePicture& chosen) {
  const double wanted = fastest(picture, chosen).rate * (1 - epsilon);
  return chosen.rate >= wanted && std::ranges::none_of(picture.sizes, [&](const SizePicture& size) {
           return size.batch < chosen.batch && size.usable() && size.rate >= wanted;
         });
}

bool was_soaked(const BatchSearchResult& result, std::int64_t batch) {
  return std::ranges::any_of(
      result.trials, [&](const SearchTrial& trial) { return trial.batch == batch && trial.role == TrialRole::soak; });
}

// What became of the configuration's own size where it is no measure, and of a size that was faster. One that failed in
// its soak has run.
Text sentence_of_failures(const BatchSearchResult& result, const BatchPicture& picture,
                          const BatchSearchOptions& options, const SearchEnd& end) {
  Text text;
  const SizePicture* own = picture.find(options.start_batch);
  if (own != nullptr && own->fit == Fit::fails && !was_soaked(result, own->batch)) {
    text = {"The configuration's own batch {} does not run: {}.", "配置自身的 batch {} 无法运行：{}。", own->batch,
            own->how};
  }
  if (end.failed_soak) {
    const SizePicture& failed = *picture.find(*end.failed_soak);
    append(text, {"Batch {} did not pass its soak: {}.", "batch {} 未通过长测：{}。", failed.batch, failed.how});
  }
  return text;
}

Text sentence_of_memory(const BatchSearchResult& result, const BatchSearchOptions& options) {
  if (!result.headroom_mib) return {};
  const bool soaked = result.soaked && options.validates;
  Text text = {"{} MiB of {} MiB stay free at its peak{}.", "峰值时显存仍余 {} / {} MiB{}。", *result.headroom_mib,
               *result.capacity_mib, soaked ? Text{", validation included", "（含验证）"} : Text{}};
  if (result.next_failed) {
    append(text, {"The next size that did not fit is {}: {}.", "下一个不可行的大小是 {}：{}。",
                  result.next_failed->batch, result.next_failed->how});
  }
  return text;
}

Text sentence_of_larger(const BatchSearchResult& result, const BatchPicture& picture) {
  if (!result.larger_does_not_help) return {};
  const double gain = best_above(picture, *result.batch)->rate / *result.rate - 1;
  const std::int64_t largest = picture.largest_usable()->batch;
  const std::string percent = percent_figure(std::max(0.0, gain));
  return {"A larger batch does not help: up to batch {}, {} % at most.",
          "更大的 batch 没有帮助：直到 batch {}，最多只快 {}%。", largest, percent};
}

Text sentence_of_proof(const BatchSearchResult& result, const BatchSearchOptions& options) {
  if (!options.soak) return {};
  if (!result.soaked) return {"It was not soaked.", "未经长测。"};
  if (!options.validates) return {"It was measured once more at the end.", "最后又复测了一次。"};
  return {"It ran {} steps with a validation in between.", "已连续运行 {} 步，其间进行了验证。", result.soak_steps};
}

Text sentence_of_the_end(const BatchSearchResult& result, const BatchSearchOptions& options, const SearchEnd& end) {
  if (end.cancelled) {
    return {"The search was ended early; this rests on what was measured until then.",
            "搜索被提前结束，结论只基于已测得的数据。"};
  }
  if (!end.broken.empty()) {
    return {"The search gave up: {}.", "搜索已放弃：{}。", end.broken};
  }
  if (!end.cut_short) return {};
  const bool used_up = result.seconds >= kUsedUp * options.budget_s;
  if (used_up && options.budget_s < kUsedUp * stated_budget_s(options)) {
    return {
        "The search's {:.0f} s of the budget of {:g} s ended before everything was tried; more may find a "
        "better size.",
        "{1:g} 秒预算中留给搜索的 {0:.0f} 秒在试完之前用尽；延长预算可能找到更好的大小。", options.budget_s,
        stated_budget_s(options)};
  }
  if (used_up) {
    return {"The budget of {:g} s ended before everything was tried; more may find a better size.",
            "{:g} 秒的预算在试完之前用尽；延长预算可能找到更好的大小。", stated_budget_s(options)};
  }
  return {
      "It took {:.0f} s of its {:.0f} s: what is left is too little for another trial and its comparison; "
      "more may find a better size.",
      "预算 {1:.0f} 秒中用了 {0:.0f} 秒：剩余时间不够再试一次并对比；延长预算可能找到更好的大小。", result.seconds,
      options.budget_s};
}

}  // namespace

void append(Text& text, const Text& sentence) {
  text.append({" ", ""}, sentence);
}

const SizePicture* best_above(const BatchPicture& picture, std::int64_t batch) {
  const SizePicture* best = nullptr;
  for (const SizePicture& size : picture.sizes) {
    if (size.batch > batch && size.usable() && (best == nullptr || size.rate > best->rate)) best = &size;
  }
  return best;
}

const SizePicture& fastest(const BatchPicture& picture, const SizePicture& chosen) {
  const SizePicture* best = &chosen;
  for (const SizePicture& size : picture.sizes) {
    if (size.usable() && size.rate > best->rate) best = &size;
  }
  return *best;
}

Text sentence_of_staying(const BatchPicture& picture, const SizePicture& own, const SearchEnd& end) {
  const std::string rate = rate_figure(own.rate);
  const SizePicture* other = best_other(picture, own, end);
  if (other == nullptr) {
    const bool alone = picture.sizes.size() == 1;
    return {"Batch {}, the configuration's own, runs at {} samples/s; no other size {}was measured.",
            "配置自身的 batch {} 的速率为 {} samples/s；没有测得其他{}大小。", own.batch, rate,
            alone ? Text{} : Text{"that fits ", "可行的"}};
  }
  if (other->rate <= own.rate) {
    return {
        "Batch {}, the configuration's own, runs at {} samples/s: no size that was measured and fits is "
        "faster.",
        "配置自身的 batch {} 的速率为 {} samples/s：测得的可行大小都不更快。", own.batch, rate};
  }
  Text text = {"Batch {}, the configuration's own, stays with {} samples/s", "保留配置自身的 batch {}（{} samples/s）",
               own.batch, rate};
  const Contest contest = contest_of(picture, own, *other);
  const std::string other_rate = rate_figure(other->rate), gain = percent_figure(contest.gain());
  if (contest.gain() <= kWorthAChange) {
    const std::string worth = percent_figure(kWorthAChange);
    text += Text(
        ": the best of the others, batch {}, makes {}, {} % more, and up to {} % is not worth a "
        "change.",
        "：其余最快的是 batch {}，为 {}，快 {}%，不超过 {}% 不值得改动。", other->batch, other_rate, gain, worth);
  } else if (!contest.in_turns()) {
    const std::size_t times = std::min(own.rates.size(), other->rates.size());
    const Text often = times == 1 ? Text("once", "1 次") : Text("{} times", "{} 次", times);
    text += Text(": batch {} made {}, but {} each is too seldom to tell a gain from noise.",
                 "：batch {} 测得 {}，但双方只各测了 {}，不足以区分提速与噪声。", other->batch, other_rate, often);
  } else {
    const std::string noise = percent_figure(contest.ratio().half_width);
    text += Text(": batch {} makes {} in turns with it, {} % ± {} % more, which is not beyond the noise.",
                 "：交替测量中 batch {} 为 {}，快 {}% ± {}%，未超出噪声。", other->batch, other_rate, gain, noise);
  }
  return text;
}

Text sentence_of_choice(const BatchPicture& picture, const SizePicture& chosen, const BatchSearchOptions& options) {
  const std::string rate = rate_figure(chosen.rate);
  const SizePicture* own = own_size(picture, options);
  Text text = {"Batch {} runs at {} samples/s", "batch {} 的速率为 {} samples/s", chosen.batch, rate};
  if (own != nullptr) {
    const Contest contest = contest_of(picture, *own, chosen);
    const std::string gain = percent_figure(contest.gain()), noise = percent_figure(contest.ratio().half_width);
    text += Text(", {} % ± {} % more than the configuration's own {} ({}), measured in turns",
                 "，与配置自身的 {2}（{3}）交替测量，快 {0}% ± {1}%", gain, noise, own->batch, rate_figure(own->rate));
  }
  const SizePicture* best = &fastest(picture, chosen);
  if (best == &chosen) {
    text += Text(": the best rate measured among the sizes that fit.", "，是可行大小中测得的最高值。");
  } else if (is_smallest_within(options.epsilon, picture, chosen)) {
    const std::string epsilon = percent_figure(options.epsilon), best_rate = rate_figure(best->rate);
    text += Text(": the smallest measured within {} % of the best ({} at batch {}).",
                 "，是与最高值（batch {2} 时 {1}）相差不超过 {0}% 的最小实测值。", epsilon, best_rate, best->batch);
  } else {
    text +=
        Text(" (the best: {} at batch {}).", "（最高为 batch {1} 时的 {0}）。", rate_figure(best->rate), best->batch);
  }
  return text;
}

Text reason_for_nothing(const BatchSearchResult& result, const BatchSearchOptions& options, const SearchEnd& end) {
  if (!end.broken.empty()) return {"No batch runs: {}.", "没有可行的 batch：{}。", end.broken};
  if (result.trials.empty()) return {"Nothing was measured.", "没有任何测量。"};
  const SearchTrial& last = result.trials.back();
  if (last.fit == Fit::unknown) {
    const Text doing = phase_text(first_words(last.result.message));
    const double budget_s = stated_budget_s(options);
    return {"The budget of {:g} s ended before batch {} was measured: it was {}.",
            "{:g} 秒的预算在测出 batch {} 之前用尽：当时{}。", budget_s, last.batch, doing};
  }
  const SearchTrial* smallest = &result.trials.front();
  for (const SearchTrial& trial : result.trials) {
    if (trial.batch <= smallest->batch) smallest = &trial;
  }
  const std::int64_t batch = smallest->batch;
  Text text = {"No measured batch fits; the smallest was {}: {}.", "测过的 batch 均不可行；最小的是 {}：{}。", batch,
               smallest->note};
  if (batch == 1) {
    text = {"Not even batch 1 fits: {}.", "即使 batch 为 1 也不可行：{}。", smallest->note};
  }
  append(text, sentence_of_the_end(result, options, end));
  return text;
}

Text details_of(const BatchSearchResult& result, const BatchPicture& picture, const BatchSearchOptions& options,
                const SearchEnd& end) {
  Text details;
  append(details, sentence_of_failures(result, picture, options, end));
  append(details, sentence_of_larger(result, picture));
  append(details, sentence_of_memory(result, options));
  append(details, sentence_of_proof(result, options));
  append(details, sentence_of_the_end(result, options, end));
  return details;
}

Text sentence_of_disturbance(double spread) {
  return {"The machine is disturbed: rates of one size differ by {} %.", "机器受到干扰：同一大小的速率相差 {}%。",
          percent_figure(spread)};
}

}  // namespace wring

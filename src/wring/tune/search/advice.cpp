#include "wring/tune/search/advice.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include <fmt/format.h>

#include "wring/config/keys.h"
#include "wring/config/values.h"

namespace wring {
namespace {

// Two digits: the rules are rules of thumb, and a person copies the number.
double rounded(double value) {
  return std::strtod(fmt::format("{:.2g}", value).c_str(), nullptr);
}

// The accumulation that comes nearest to the effective batch; never less than 1.
std::int64_t accumulation_for(double effective, double batch) {
  return std::max<std::int64_t>(1, std::llround(effective / batch));
}

Text rule_name(LrRule rule) {
  return rule == LrRule::linear ? Text("linear rule", "线性规则") : Text("square-root rule", "平方根规则");
}

void advise_ranks(BatchAdvice& advice, std::int64_t batch, int ranks) {
  advice.advice.emplace_back(
      fmt::format("batch_size is per rank: {} ranks of {} make a global batch of {}", ranks, batch, ranks * batch),
      fmt::format("batch_size 为每进程的值：{} 个进程 × {}，全局 batch 为 {}", ranks, batch, ranks * batch));
}

void advise_accumulation(BatchAdvice& advice, std::int64_t batch) {
  advice.advice.emplace_back(
      fmt::format("batch {} × accumulation {} makes an effective batch of {:.0f} (it was {:.0f})", batch,
                  advice.accumulation, advice.new_effective_batch, advice.old_effective_batch),
      fmt::format("batch {} × 累积 {} 步，等效 batch 为 {:.0f}（原为 {:.0f}）", batch, advice.accumulation,
                  advice.new_effective_batch, advice.old_effective_batch));
}

// Of a program whose optimiser is not known.
void advise_both_rates(BatchAdvice& advice, const TrainConfig& config) {
  const double ratio = advice.new_effective_batch / advice.old_effective_batch;
  const std::string root = number_text(rounded(config.lr * std::sqrt(ratio)));
  const std::string linear = number_text(rounded(config.lr * ratio)), old = number_text(config.lr);
  advice.advice.emplace_back(
      fmt::format(
          "an effective batch of {:.0f} in place of {:.0f} changes the optimisation; with Adam and its family lr "
          "{} goes with it (square-root rule), with SGD {} (linear rule); lr stays {}",
          advice.new_effective_batch, advice.old_effective_batch, root, linear, old),
      fmt::format("等效 batch 由 {:.0f} 变为 {:.0f} 会影响优化过程；Adam 类优化器 lr 可取 {}（平方根规则），SGD 可取 {}"
                  "（线性规则）；lr 保持 {}",
                  advice.old_effective_batch, advice.new_effective_batch, root, linear, old));
}

void advise_rate(BatchAdvice& advice, const TrainConfig& config, const BatchAdviceOptions& options) {
  const bool scale_lr = options.scale_lr;
  if (!options.lr_named && !scale_lr) return;
  if (!options.optimizer_named && !scale_lr) return advise_both_rates(advice, config);
  const Text rule = rule_name(advice.rule);
  const std::string lr = number_text(advice.suggested_lr);
  const std::string old = number_text(config.lr);
  advice.advice.emplace_back(
      fmt::format("an effective batch of {:.0f} in place of {:.0f} changes the optimisation; by the {} for {}, lr {} "
                  "goes with it; {}",
                  advice.new_effective_batch, advice.old_effective_batch, rule.en,
                  options.optimizer_named ? config.optimizer : "Adam and its family", lr,
                  scale_lr ? "lr is set to it" : fmt::format("lr stays {}", old)),
      fmt::format("等效 batch 由 {:.0f} 变为 {:.0f} 会影响优化过程；{} 按{}，lr 可取 {}；{}",
                  advice.old_effective_batch, advice.new_effective_batch,
                  options.optimizer_named ? config.optimizer : "Adam 类优化器", rule.zh, lr,
                  scale_lr ? "lr 已相应修改" : fmt::format("lr 保持 {}", old)));
}

void set_run(BatchAdvice& advice, const TrainConfig& from, const TrainConfig& to) {
  for (const char* name : kRunLengthKeys) {
    const std::string value = value_text(to, *find_key(name));
    if (value != value_text(from, *find_key(name))) advice.changes.push_back({name, value});
  }
}

// What becomes of the whole run, whose length is given in steps.
void advise_run(BatchAdvice& advice, const TrainConfig& config, std::int64_t new_batch,
                const BatchAdviceOptions& options) {
  TrainConfig after = config;
  after.batch_size = new_batch;
  after.gradient_accumulation_steps = advice.accumulation;
  const TrainConfig same = with_same_pixels(config, after);
  advice.run_before = run_length(config, options.ranks);
  advice.run_after = run_length(options.same_samples ? same : after, options.ranks);
  if (options.same_samples) {
    set_run(advice, config, same);
    if (Text note = average_note(config, same); !note.empty()) advice.advice.push_back(std::move(note));
    return;
  }
  if (same.total_iters == after.total_iters) return;
  const std::string ratio = ratio_text(advice.run_after.samples() / advice.run_before.samples());
  advice.advice.emplace_back(
      fmt::format("the run keeps its {} steps, and so sees {} × the samples; wring benchmark --same-samples keeps the "
                  "samples instead, in {} steps",
                  after.total_iters, ratio, same.total_iters),
      fmt::format(
          "训练仍为 {} 步，因此样本数为原来的 {} 倍；wring benchmark --same-samples 则保持样本数不变，改为 {} 步",
          after.total_iters, ratio, same.total_iters));
}

}  // namespace

LrRule lr_rule(const std::string& optimizer) {
  return optimizer.find("sgd") != std::string::npos || optimizer.find("SGD") != std::string::npos ? LrRule::linear
                                                                                                  : LrRule::square_root;
}

BatchAdvice advise_batch(const TrainConfig& config, std::int64_t new_batch, const BatchAdviceOptions& options) {
  BatchAdvice advice;
  advice.rule = lr_rule(config.optimizer);
  advice.accumulation = std::max<std::int64_t>(1, config.gradient_accumulation_steps);
  const double old_global = static_cast<double>(config.batch_size) * options.ranks;
  const double new_global = static_cast<double>(new_batch) * options.ranks;
  advice.old_effective_batch = old_global * static_cast<double>(advice.accumulation);
  if (options.keep_effective_batch) advice.accumulation = accumulation_for(advice.old_effective_batch, new_global);
  advice.new_effective_batch = new_global * static_cast<double>(advice.accumulation);

  const double ratio = advice.new_effective_batch / advice.old_effective_batch;
  advice.lr_factor = advice.rule == LrRule::linear ? ratio : std::sqrt(ratio);
  advice.suggested_lr = ratio == 1 ? config.lr : rounded(config.lr * advice.lr_factor);

  if (new_batch != config.batch_size) advice.changes.push_back({"batch_size", std::to_string(new_batch)});
  if (advice.accumulation != config.gradient_accumulation_steps) {
    advice.changes.push_back({"gradient_accumulation_steps", std::to_string(advice.accumulation)});
  }
  if (options.ranks > 1) advise_ranks(advice, new_batch, options.ranks);
  if (options.keep_effective_batch && new_batch != config.batch_size) advise_accumulation(advice, new_batch);
  if (ratio != 1 && options.scale_lr) advice.changes.push_back({"lr", number_text(advice.suggested_lr)});
  if (ratio != 1) advise_rate(advice, config, options);
  if (options.ours) advise_run(advice, config, new_batch, options);
  return advice;
}

}  // namespace wring

#include <cstdlib>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "wring/cli/benchmark.h"
#include "wring/cli/command_parser.h"
#include "wring/cli/tuning_options.h"
#include "wring/console/assignments.h"
#include "wring/process/launch_ranks.h"
#include "wring/tune/knobs/knobs.h"

namespace wring {
namespace {

const std::vector<std::string>& knob_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const Knob& knob : kKnobs) all.emplace_back(knob.name);
    return all;
  }();
  return names;
}

// "all", "none", or names with commas between: those not named are disabled.
std::vector<std::string> disabled_knobs(const std::string& list) {
  if (list == "all") return {};
  std::vector<std::string> disabled = knob_names();
  if (list == "none") return disabled;
  for (std::size_t begin = 0; begin <= list.size();) {
    const std::size_t end = std::min(list.find(',', begin), list.size());
    const std::string name = list.substr(begin, end - begin);
    require_choice("--knobs", name, knob_names());
    std::erase(disabled, name);
    begin = end + 1;
  }
  return disabled;
}

// No search or trial is meant to take longer; and what is far longer fits into no clock.
constexpr double kLongestS = 7 * 24 * 3600;

// Less is no time to measure anything in, and may be none at all for a clock.
constexpr double kShortestS = 0.1;

// What is in seconds, 30, 30s, 2m, 1h.
double seconds_of(const std::string& option, const std::string& text) {
  char* end = nullptr;
  const double number = std::strtod(text.c_str(), &end);
  const std::string unit = end;
  const double factor = unit.empty() || unit == "s" ? 1 : unit == "m" || unit == "min" ? 60 : unit == "h" ? 3600 : 0;
  if (end != text.c_str() && factor > 0 && number * factor > kLongestS) {
    throw Error(ErrorCode::usage, {"{}: '{}' is longer than a week", "{}：“{}”超过一周", option, text},
                {"for example 30s, 2m or 1h", "例如 30s、2m 或 1h"});
  }
  if (end != text.c_str() && factor > 0 && number * factor >= kShortestS) return number * factor;
  if (end != text.c_str() && factor > 0 && number > 0) {
    throw Error(ErrorCode::usage, {"{}: '{}' is shorter than {} s", "{}：“{}”短于 {} 秒", option, text, kShortestS},
                {"for example 30s, 2m or 1h", "例如 30s、2m 或 1h"});
  }
  throw Error(ErrorCode::usage, {"{}: '{}' is no duration", "{}：“{}”不是时长", option, text},
              {"for example 30s, 2m or 1h", "例如 30s、2m 或 1h"});
}

// One trial of a program that needs as long to start as to be measured costs about twice its measured time; a search
// takes about ten, and the settings some more.
constexpr double kTrialsInABudget = 30;

// What its options say before it is checked.
class BenchmarkArguments {
 public:
  void add_search_to(CommandParser& parser, BenchmarkOptions& options) {
    parser.option("--budget", "TIME", budget_,
                  {"time for everything, batch size and settings (default: 60s); a trial that still runs then is ended",
                   "批大小与各项设置合计的时间（默认：60s）；届时仍在运行的试验会被终止"});
    parser.option("--target-gpu-util", "PERCENT", options.target_gpu_util,
                  {"the GPU-Util to report against (default: 85)", "作为目标的GPU利用率（默认：85）"});
    const std::string all_knobs = fmt::format("{}", fmt::join(knob_names(), ","));
    parser.option("--knobs", "all|none|LIST", knobs_,
                  {"settings to try beside the batch size: " + all_knobs, "除批大小外要尝试的设置：" + all_knobs});
  }

  // Another program than wring-train.
  void add_program_to(CommandParser& parser) {
    parser.option("--command", "\"… {config} …\"", command_,
                  {"tune this program instead of wring train; {config} becomes the config of each trial",
                   "调优此程序而非 wring train；{config} 处代入每次试验的配置"});
    parser.option(
        "--batch-key", "KEY", tuned_.batch_key,
        {"the config's key for its batch size (default: batch_size)", "其配置中批大小的键名（默认：batch_size）"});
    parser.option("--rate-regex", "REGEX", tuned_.rate_regex,
                  {"what it prints of its speed, samples per second in the first group",
                   "它输出速度的格式，第一个分组为每秒样本数"});
    parser.option("--trial-seconds", "TIME", trial_seconds_,
                  {"how long each of its trials is measured (default: 20s)", "每次试验的测量时长（默认：20s）"});
  }

  // After the parser has run. Throws Error{usage}.
  void apply(BenchmarkOptions& options) const {
    TunedCommand tuned = tuned_;
    options.disabled_knobs = disabled_knobs(knobs_);
    if (!(options.target_gpu_util >= 1 && options.target_gpu_util <= 100)) {
      throw Error(ErrorCode::usage,
                  {"--target-gpu-util takes per cent, from 1 to 100", "--target-gpu-util 的值为百分数，从 1 到 100"});
    }
    if (trial_seconds_) tuned.trial_seconds = seconds_of("--trial-seconds", *trial_seconds_);
    if (command_) {
      tuned.command = *command_;
      options.tuning.command = tuned;
      options.budget_s = std::max(options.budget_s, kTrialsInABudget * tuned.trial_seconds);
    } else if (!tuned.rate_regex.empty() || trial_seconds_ || tuned.batch_key != "batch_size") {
      throw Error(ErrorCode::usage, {"--batch-key, --rate-regex and --trial-seconds belong to --command",
                                     "--batch-key、--rate-regex 和 --trial-seconds 只用于 --command"});
    }
    if (budget_) options.budget_s = seconds_of("--budget", *budget_);
  }

 private:
  std::optional<std::string> budget_;
  std::string knobs_ = "all";
  std::optional<std::string> command_;
  TunedCommand tuned_;
  std::optional<std::string> trial_seconds_;
};

}  // namespace

std::optional<int> parse_benchmark(const Arguments& arguments, BenchmarkOptions& options) {
  CommandParser parser("wring benchmark", "CONFIG [--budget 30s] [--command \"… {config} …\"] [-o OUT]",
                       {"Measures training steps of a configuration and writes the batch size and settings that train "
                        "fastest, with a report.",
                        "实测配置的训练速度，写出最快的批大小和设置，并附报告。"},
                       options.tuning.common);
  TuningArguments common;
  common.add_to(parser, options.tuning);
  BenchmarkArguments more;
  parser.option("-o,--output", "OUT", options.output,
                {"the file to write (default: beside CONFIG, named …_optimized.yaml), with OUT.json and OUT.html",
                 "要写入的文件（默认：与 CONFIG 同目录的 …_optimized.yaml），另有 OUT.json 和 OUT.html"});
  more.add_search_to(parser, options);
  parser.option("--nproc", "N", options.tuning.nproc,
                {"search the batch size of each of N GPUs of this machine that train together (wring train --nproc N)",
                 "为本机 N 块 GPU 并行训练搜索每卡批大小（wring train --nproc N）"});
  parser.flag("--scale-lr", options.scale_lr,
              {"write the learning rate that goes with the batch size", "同时写入与批大小相应的学习率"});
  parser.flag("--keep-effective-batch", options.keep_effective_batch,
              {"keep the samples of an optimiser step, by accumulation", "用梯度累积保持每次更新的样本数"});
  parser.flag(
      "--same-samples", options.same_samples,
      {"let the run see as many samples as before: total_iters, warmup_iters, val_freq, checkpoint_freq and "
       "milestones are scaled",
       "保持整个训练的样本数不变：相应调整 total_iters、warmup_iters、val_freq、checkpoint_freq 和 milestones"});
  more.add_program_to(parser);
  parser.flag("--dry-run", options.dry_run, {"measure, show the result and write nothing", "测量并显示结果，不写文件"});
  parser.flag("--json", options.json, {"print one JSON object instead of text", "输出一个 JSON 对象而非文本"});
  parser.exclude("--scale-lr", "--keep-effective-batch");
  parser.exclude("--nproc", "--command");
  parser.exclude("--same-samples", "--command");
  parser.example("wring benchmark configs/lightweight_gpu_optimized.yaml",
                 {"writes configs/lightweight_gpu_optimized_optimized.yaml and a report",
                  "写出 configs/lightweight_gpu_optimized_optimized.yaml 及报告"});
  parser.example("wring benchmark config.yaml --command \"python train.py --config {config}\"",
                 {"tunes any program that reads a config", "调优任何读取配置的程序"});
  if (const auto done = parser.parse(separate_assignments(arguments))) return done;

  common.apply(options.tuning);
  require_rank_count(options.tuning.nproc);
  more.apply(options);
  if (options.dry_run) options.tuning.use_cache = false;  // which is written to
  return std::nullopt;
}

}  // namespace wring

#include "wring/cli/benchmark.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "wring/base/clock.h"
#include "wring/base/system_memory.h"
#include "wring/config/keys.h"
#include "wring/config/unknown_keys.h"
#include "wring/config/values.h"
#include "wring/console/paths.h"
#include "wring/process/shell_words.h"
#include "wring/report/tuning/measured.h"
#include "wring/report/tuning/words.h"
#include "wring/session/benchmark_record.h"
#include "wring/session/output.h"
#include "wring/session/progress.h"
#include "wring/tune/host_memory.h"
#include "wring/tune/knobs/knobs.h"
#include "wring/tune/search/advice.h"
#include "wring/tune/search/batch_search.h"
#include "wring/tune/search/contest.h"
#include "wring/tune/search/words.h"

namespace wring {
namespace {

namespace fs = std::filesystem;

// The loader's own: they move neither the memory of the card nor the time of a step that does not wait.
bool only_loader_keys(const std::vector<Assignment>& kept) {
  return std::ranges::all_of(kept, [](const Assignment& a) {
    const Key* key = find_key(a.key);
    return key != nullptr && key->scope == Scope::loader;
  });
}

class BenchmarkRun {
 public:
  BenchmarkRun(const BenchmarkOptions& options, const Console& console, fs::path output)
      : options_(options),
        console_(console),
        output_(std::move(output)),
        session_(options.tuning, console),
        progress_(session_, options.json || console.quiet) {}

  int run() {
    record_ = session_.new_record("wring benchmark");
    record_.output = output_;
    if (const auto loss = session_.loss_note()) progress_.headline(*loss);
    check_config();
    search();
    record_.seconds = spent_s();
    conclude();
    std::optional<Error> unwritten;
    const bool leave = leaves_files();
    if (!options_.dry_run && !leave) unwritten = write_results(record_, text_, console_);
    print_record(record_,
                 options_.dry_run     ? FilesWritten::dry_run
                 : unwritten || leave ? FilesWritten::none
                                      : FilesWritten::all,
                 options_.json, console_);
    if (unwritten) throw Error(*unwritten);
    if (record_.interrupted) return static_cast<int>(ErrorCode::interrupted);
    if (!chosen_) fail();
    return 0;
  }

 private:
  // Where no size runs, an earlier run's config, record and report stay as they were, and an interrupted search has a
  // place of its own beside them; on a disturbed machine nothing is written at all.
  bool leaves_files() const {
    const bool earlier = interrupted_path(output_) != output_;
    if (record_.interrupted) return earlier && record_.trials.empty();
    std::error_code error;
    return !chosen_ && (record_.disturbed || fs::exists(output_, error));
  }

  double spent_s() const { return seconds_since(began_); }
  double left_s() const { return std::max(kLeastBudgetS, options_.budget_s - spent_s()); }

  // What would fail at the end fails before minutes of measuring.
  void check_config() const {
    const ConfigFile& file = session_.file();
    std::vector<Assignment> scaled;
    for (const char* key : kRunLengthKeys) {
      if (options_.same_samples && file.find(key) != nullptr) {
        scaled.push_back({key, value_text(file.values, *find_key(key))});
      }
    }
    patch_yaml(file.text, scaled, file.path);
    if (!options_.scale_lr || !options_.tuning.command || session_.names("lr")) return;
    throw Error(ErrorCode::usage, {"--scale-lr: {} has no lr", "--scale-lr：{} 中没有 lr", file.path.string()},
                {"leave the option out, or give the rate with --set lr=…", "请去掉该选项，或用 --set lr=… 给出学习率"});
  }

  // Every stage leaves behind what it found, so that Ctrl-C loses nothing.
  void search() {
    try {
      open_images();
      find_batch(session_.start_batch(), has_settings_to_try() ? kSearchShare * left_s() : left_s());
      if (!goes_on()) return;
      const std::optional<BatchSearchResult> without_settings = search_;
      turn_knobs();
      if (kept_.empty() || !goes_on()) return;
      if (!only_loader_keys(kept_)) {
        progress_.headline(
            {"The settings moved the lines: the batch size again", "设置改变了速度与显存：重新搜索批大小"});
        find_batch(*chosen_, left_s() - confirmation_s());
        if (!goes_on()) return;
      }
      confirm(*without_settings);
    } catch (const Error& error) {
      // A trial that was cut off by Ctrl-C.
      if (error.code() != ErrorCode::interrupted) throw;
    }
  }

  bool goes_on() const { return chosen_ && !record_.disturbed && !session_.interrupted(); }

  // Another program can only be run as it is. What fails here fails again in the search, which tells of it.
  void open_images() {
    if (options_.tuning.command) return;
    TrialRequest request;
    request.set = settings();
    request.set.push_back({session_.batch_key(), "1"});
    request.measure = {.data = TrialData::loader, .min_seconds = 0, .max_seconds = 0.05, .rel_ci = 1, .min_steps = 1};
    request.time_limit_s = left_s();
    session_.runner().run(request);
  }

  std::vector<Assignment> settings() const {
    std::vector<Assignment> set = session_.given();
    std::erase_if(set, [&](const Assignment& a) { return a.key == session_.batch_key(); });
    set.insert(set.end(), kept_.begin(), kept_.end());
    return set;
  }

  void find_batch(std::int64_t start, double budget_s) {
    const std::string config = options_.tuning.config.string();
    progress_.headline(
        session_.ranks() > 1
            ? Text("Searching the batch size per rank of {} on {} ranks (at most {:.0f} s; rates are of all "
                   "together)",
                   "正在用 {1} 个进程搜索 {0} 的每进程批大小（至多 {2:.0f} 秒；速度为所有进程之和）", config,
                   session_.ranks(), budget_s)
            : Text("Searching the batch size of {} (at most {:.0f} s)", "正在搜索 {} 的批大小（至多 {:.0f} 秒）",
                   config, budget_s));
    BatchSearchOptions search;
    search.batch_key = session_.batch_key();
    search.start_batch = start;
    search.set = settings();
    search.budget_s = std::max(kLeastBudgetS, budget_s);
    search.stated_budget_s = options_.budget_s;
    search.target_gpu_util = options_.target_gpu_util;
    // What counts tokens instead of images has other sizes; and a config's own batch has to be compared with.
    search.max_batch = std::max(search.max_batch, options_.tuning.command ? 8 * start : start);
    search.validates = !options_.tuning.command;
    search.starts_anew = options_.tuning.command.has_value();
    TrainConfig values = session_.values();
    for (const Assignment& one : kept_) try_value(values, one.key, one.value);
    search.host_batch_limit =
        host_memory_limit({values.num_workers, values.prefetch_factor, session_.sample_bytes()}, memory_of_a_rank());
    BatchSearchResult found = search_batch(session_.runner(), search, progress_.control());
    if (found.disturbed) record_.disturbed = found.disturbed;
    if (search_ && !found.batch) return;  // the first search's choice ran with these settings
    if (found.batch && !found.cancelled) chosen_ = found.batch;
    search_ = std::move(found);
  }

  // What two rounds of the config as it was and of the choice will take, by what their trials took.
  double confirmation_s() const {
    double own_s = 0, chosen_s = 0;
    for (const RecordedTrial& trial : progress_.trials()) {
      if (trial.purpose != role_name(TrialRole::compare) && trial.purpose != role_name(TrialRole::knob)) continue;
      if (trial.batch_size == session_.start_batch()) own_s = std::max(own_s, trial.result.seconds);
      if (trial.batch_size == *chosen_) chosen_s = std::max(chosen_s, trial.result.seconds);
    }
    return 2 * 1.1 * (own_s + chosen_s);
  }

  // All that changes against the config as it was, in turns: each setting won over the one before, and the batch over
  // the config's own, but only this says what they make together.
  void confirm(const BatchSearchResult& without_settings) {
    // A config that does not run has nothing to compare with.
    if (!without_settings.start_rate) return;
    progress_.headline({"The result against the configuration as it was", "与原配置交替对比"});
    ContestOptions contest;
    contest.before_batch = session_.start_batch();
    contest.after_batch = *chosen_;
    contest.measure.max_seconds = kConfirmS;
    contest.budget_s = left_s();
    std::vector<Assignment> before = settings_given();
    before.push_back({session_.batch_key(), fmt::format("{}", session_.start_batch())});
    std::vector<Assignment> after = settings();
    after.push_back({session_.batch_key(), fmt::format("{}", *chosen_)});
    const ContestResult found = run_contest(session_.runner(), before, after, contest, progress_.control());
    if (found.cancelled) return;
    if (found.rates.disturbed()) record_.disturbed = found.rates.spread();
    record_.compared = found.rates.won();
    if (record_.compared) return;
    const std::string kept = assignments_text(kept_);
    Text why = {"the time ended before they were compared together with the configuration as it was",
                "时间不足，未能与原配置整体对比"};
    if (!found.failed.empty()) {
      why = found.failed;
    } else if (found.rates.in_turns()) {
      const std::string gain = percent_figure(found.rates.gain());
      const std::string noise = percent_figure(found.rates.ratio().half_width);
      why = {"together they make {} % ± {} % against the configuration as it was", "整体与原配置相比为 {}% ± {}%", gain,
             noise};
    }
    record_.notes.emplace_back(fmt::format("{} not kept: {}", kept, why.en),
                               fmt::format("{} 未保留：{}", kept, why.zh));
    kept_.clear();
    for (KnobDecision& decision : knobs_.decisions) {
      if (std::exchange(decision.kept, false)) decision.reason = {};  // the note above has what counts
    }
    chosen_ = without_settings.batch;
    search_ = without_settings;
  }

  // All ranks are on this machine, each with workers of its own.
  std::optional<std::int64_t> memory_of_a_rank() const {
    const auto available = available_memory_bytes();
    return available ? std::optional(*available / session_.ranks()) : std::nullopt;
  }

  KnobOptions knob_options() const {
    KnobOptions knobs;
    knobs.set = settings();
    knobs.disabled = disabled_knobs();
    knobs.starts_anew = options_.tuning.command.has_value();
    if (session_.machine().card) knobs.compute_major = session_.machine().card->compute_major;
    knobs.cpu_cores = std::max(1, session_.machine().cpu_cores / session_.ranks());
    knobs.sample_bytes = session_.sample_bytes();
    knobs.host_available_bytes = memory_of_a_rank();
    return knobs;
  }

  // Whether a setting is worth a trial also where the step never waits for its data: what a search keeps time for.
  bool has_settings_to_try() const {
    TrialResult fed;
    fed.step_ms = {.median = 1, .mad = 0, .p95 = 1, .n = 1};
    fed.data_wait_ms = 0;
    return !knob_candidates(session_.values(), fed, knob_options()).empty();
  }

  void turn_knobs() {
    KnobOptions knobs = knob_options();
    if (knobs.disabled.size() == kKnobs.size()) return;
    knobs.budget_s = std::max(kLeastBudgetS, left_s() - confirmation_s());
    knobs.set.push_back({session_.batch_key(), fmt::format("{}", *chosen_)});
    progress_.headline({"Trying the settings at batch {}", "在批大小 {} 下尝试各项设置", *chosen_});
    TrainConfig values = session_.values();
    values.batch_size = *chosen_;
    knobs_ = tune_knobs(session_.runner(), values, knobs, progress_.control());
    if (knobs_.disturbed) record_.disturbed = knobs_.disturbed;
    if (!knobs_.cancelled) kept_ = knobs_.kept;
  }

  // Of another program only what its config names can be turned, on a CPU only what it has.
  std::vector<std::string> disabled_knobs() const {
    std::vector<std::string> disabled = options_.disabled_knobs;
    for (const Knob& knob : kKnobs) {
      const bool there =
          options_.tuning.command ? session_.file().find(knob.key) != nullptr : session_.on_gpu() || !knob.needs_gpu;
      if (!there && std::ranges::find(disabled, knob.name) == disabled.end()) disabled.emplace_back(knob.name);
    }
    return disabled;
  }

  void conclude() {
    record_.trials = progress_.trials();
    record_.interrupted = session_.interrupted();
    if (record_.interrupted) record_.output = interrupted_path(output_);
    if (search_) add_search(record_, *search_, options_.target_gpu_util);
    add_knobs(record_, knobs_);
    if (record_.interrupted) {
      conclude_interrupted();
    } else if (record_.disturbed) {
      conclude_disturbed();
    } else if (chosen_) {
      conclude_chosen();
    }
    if (!record_.after) {  // nothing was chosen that these would be of
      record_.headroom_mib.reset();
      record_.predicted_peak_mib.reset();
      record_.next_failed.reset();
      record_.utilisation.reset();
    }
    const std::vector<Text> notes = session_.notes();
    record_.notes.insert(record_.notes.end(), notes.begin(), notes.end());
  }

  void conclude_chosen() {
    pick_trials(record_, session_.start_batch(), *chosen_, settings_given(), kept_);
    if (!kept_.empty()) record_.reason = reason_of_settings(record_, kept_, search_->details);
    TrainConfig values = session_.values();
    values.batch_size = session_.start_batch();
    const bool ours = !options_.tuning.command;
    const BatchAdvice advice = advise_batch(values, *chosen_,
                                            {.scale_lr = options_.scale_lr,
                                             .keep_effective_batch = options_.keep_effective_batch,
                                             .same_samples = options_.same_samples,
                                             .ranks = session_.ranks(),
                                             .ours = ours,
                                             .lr_named = session_.names("lr"),
                                             .optimizer_named = ours || session_.names("optimizer")});
    if (ours) record_.run = RecordedRun{advice.run_before, advice.run_after};
    record_.changes = changes_of(session_.file(), record_, session_.given(), knobs_.decisions, advice);
    record_.notes.insert(record_.notes.end(), advice.advice.begin(), advice.advice.end());
    text_ = changed_text(session_.file(), record_.changes, ours);
    record_.written = !options_.dry_run;
    if (!ours) return;
    if (Text note = unknown_keys_note(session_.file()); !note.empty()) record_.notes.push_back(std::move(note));
    record_.next_command = "wring train " + shell_quoted_path(output_);
    if (session_.ranks() > 1) record_.next_command += fmt::format(" --nproc {}", session_.ranks());
  }

  // Rates that jump compare nothing, and are of no use to a later search either.
  void conclude_disturbed() {
    chosen_.reset();
    session_.forget_trials();
    const std::string spread = percent_figure(*record_.disturbed);
    record_.reason = {"the machine is disturbed: rates of one size differ by {} %; nothing was written",
                      "机器受到干扰：同一大小的速率相差 {}%；未写入任何文件", spread};
  }

  std::vector<Assignment> settings_given() const {
    std::vector<Assignment> given = session_.given();
    std::erase_if(given, [&](const Assignment& a) { return a.key == session_.batch_key(); });
    return given;
  }

  void conclude_interrupted() {
    std::optional<Measured> best;
    for (const Measured& measured : all_measured(record_)) {
      const bool counts = measured.samples_per_s && record_.trials[measured.verdict].fits;
      if (counts && (!best || *measured.samples_per_s > *best->samples_per_s)) best = measured;
    }
    if (!best) {
      record_.reason = {"Interrupted before anything ran.", "已中断，尚无可运行的结果。"};
      return;
    }
    const std::int64_t batch = record_.trials[best->shown].batch_size;
    const std::string rate = rate_figure(best->samples_per_s);
    record_.reason = {
        "Interrupted. The fastest until then: batch {} with {} samples/s; no config was "
        "written{}.",
        "已中断。目前最快：批大小 {}，{} 样本/秒；未写入配置{}。", batch, rate,
        session_.keeps_trials() ? Text{", and the next search goes on from these trials", "，下次搜索会沿用这些试验"}
                                : Text{}};
  }

  [[noreturn]] void fail() const {
    Text why = record_.reason;
    if (why.empty()) why = {"no batch size ran", "没有能运行的批大小"};
    if (record_.disturbed) {
      throw Error(ErrorCode::failed, why,
                  {"something else uses this machine (wring monitor shows what): search again when it has ended",
                   "有其他任务在使用这台机器（可用 wring monitor 查看）：请待其结束后重新搜索"});
    }
    const std::string config = options_.tuning.config.string(), tried = record_path(output_).string();
    Text hint(fmt::format("{} is as it was; what was tried: {}", config, tried),
              fmt::format("{} 未改动；试验记录：{}", config, tried));
    if (options_.dry_run) hint = {};
    std::error_code error;
    if (fs::exists(output_, error)) {  // an earlier run's, which stays with its record
      hint = {"{} and {} are as they were", "{} 和 {} 均未改动", config, output_.string()};
    }
    if (search_ && search_->cut_short && !search_->start_rate) {
      hint = {"give more time, --budget {:.0f}s", "请给出更长的时间：--budget {:.0f}s", 4 * options_.budget_s};
    }
    throw Error(ErrorCode::failed, why, hint);
  }

  // Of the time, where settings are tried as well.
  static constexpr double kSearchShare = 0.6;
  static constexpr double kLeastBudgetS = 0.1;
  static constexpr double kConfirmS = 1.5;  // of a trial, at most

  const BenchmarkOptions& options_;
  const Console console_;
  const fs::path output_;
  const SteadyClock::time_point began_ = SteadyClock::now();
  TuningSession session_;
  TuningProgress progress_;
  TuningRecord record_;
  std::optional<BatchSearchResult> search_;
  KnobResult knobs_;
  std::vector<Assignment> kept_;
  std::optional<std::int64_t> chosen_;
  std::string text_;  // of the changed config
};

}  // namespace

fs::path benchmarked_path(const fs::path& config) {
  return config.parent_path() / (config.stem().string() + "_optimized.yaml");
}

int benchmark(const BenchmarkOptions& options) {
  require_config(options.tuning.config);
  const fs::path output = options.output.value_or(benchmarked_path(options.tuning.config));
  require_output(options.tuning.config, output);
  return BenchmarkRun(options, console_for(options.tuning.common), output).run();
}

int benchmark_command(const Arguments& arguments, const CommonOptions& common) {
  BenchmarkOptions options;
  options.tuning.common = common;
  options.tuning.command_line = "wring benchmark " + shell_line(arguments);
  if (const auto done = parse_benchmark(arguments, options)) return *done;
  return benchmark(options);
}

}  // namespace wring

#include "wring/cli/benchmark.h"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

#include "wring/base/shell_words.h"
#include "wring/base/system_memory.h"
#include "wring/cli/benchmark_record.h"
#include "wring/cli/paths.h"
#include "wring/cli/tuning_output.h"
#include "wring/cli/tuning_progress.h"
#include "wring/config/keys.h"
#include "wring/config/unknown_keys.h"
#include "wring/config/values.h"
#include "wring/report/tuning_words.h"
#include "wring/tune/batch_advice.h"
#include "wring/tune/batch_search.h"
#include "wring/tune/host_memory.h"
#include "wring/tune/knobs.h"

namespace wring {
namespace {

namespace fs = std::filesystem;
using SteadyClock = std::chrono::steady_clock;

// The loader's own: they move neither the memory of the card nor the time of a step that does not wait.
bool only_loader_keys(const std::vector<Assignment>& kept) {
  static const std::vector<std::string> keys = {"num_workers", "prefetch_factor", "persistent_workers", "pin_memory"};
  return std::ranges::all_of(kept, [](const Assignment& a) { return std::ranges::find(keys, a.key) != keys.end(); });
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
    const auto begin = SteadyClock::now();
    record_ = session_.new_record("wring benchmark");
    record_.output = output_;
    check_config();
    search();
    record_.seconds = std::chrono::duration<double>(SteadyClock::now() - begin).count();
    conclude();
    std::optional<Error> unwritten;
    // Where no size runs, an earlier run's config, record and report stay as they were.
    std::error_code error;
    const bool leave = !chosen_ && !record_.interrupted && std::filesystem::exists(output_, error);
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
  // What would fail at the end fails before minutes of measuring.
  void check_config() const {
    const ConfigFile& file = session_.file();
    std::vector<Assignment> scaled;
    for (const char* key : run_length_keys) {
      if (options_.same_samples && file.find(key) != nullptr) {
        scaled.push_back({key, value_text(file.values, *find_key(key))});
      }
    }
    patch_yaml(file.text, scaled, file.path);
    if (!options_.scale_lr || !options_.tuning.command || session_.names("lr")) return;
    throw Error(ErrorCode::usage,
                {fmt::format("--scale-lr: {} has no lr", file.path.string()),
                 fmt::format("--scale-lr：{} 中没有 lr", file.path.string())},
                {"leave the option out, or give the rate with --set lr=…", "请去掉该选项，或用 --set lr=… 给出学习率"});
  }

  // Every stage leaves behind what it found, so that Ctrl-C loses nothing.
  void search() {
    try {
      ask_dataset();
      find_batch(session_.start_batch());
      if (!chosen_ || session_.interrupted()) return;
      turn_knobs();
      if (kept_.empty() || only_loader_keys(kept_) || session_.interrupted()) return;
      progress_.headline(
          {"The settings moved the lines: the batch size again", "设置改变了速度与显存：重新搜索批大小"});
      find_batch(*chosen_);
    } catch (const Error& error) {
      // A trial that was cut off by Ctrl-C.
      if (error.code() != ErrorCode::interrupted) throw;
    }
  }

  // Opens the images before the search's clock runs, and learns how many samples an epoch has. Another program can only
  // be run as it is. What fails here fails again in the search, which tells of it.
  void ask_dataset() {
    if (options_.tuning.command) return;
    TrialRequest request;
    request.set = settings();
    request.set.push_back({session_.batch_key(), "1"});
    request.measure = {.data = TrialData::loader, .min_seconds = 0, .max_seconds = 0.05, .rel_ci = 1, .min_steps = 1};
    dataset_samples_ = session_.runner().run(request).dataset_samples;
  }

  std::vector<Assignment> settings() const {
    std::vector<Assignment> set = session_.given();
    std::erase_if(set, [&](const Assignment& a) { return a.key == session_.batch_key(); });
    set.insert(set.end(), kept_.begin(), kept_.end());
    return set;
  }

  void find_batch(std::int64_t start) {
    const std::string config = options_.tuning.config.string();
    progress_.headline(
        session_.ranks() > 1
            ? Text(
                  fmt::format("Searching the batch size per rank of {} on {} ranks ({:g} s; rates are of all together)",
                              config, session_.ranks(), options_.budget_s),
                  fmt::format("正在用 {1} 个进程搜索 {0} 的每进程批大小（{2:g} 秒；速度为所有进程之和）", config,
                              session_.ranks(), options_.budget_s))
            : Text(fmt::format("Searching the batch size of {} ({:g} s)", config, options_.budget_s),
                   fmt::format("正在搜索 {} 的批大小（{:g} 秒）", config, options_.budget_s)));
    BatchSearchOptions search;
    search.batch_key = session_.batch_key();
    search.start_batch = start;
    search.set = settings();
    search.budget_s = options_.budget_s;
    search.target_gpu_util = options_.target_gpu_util;
    search.dataset_size = dataset_samples_;
    // What counts tokens instead of images has other sizes; and a config's own batch has to be compared with.
    search.max_batch = std::max(search.max_batch, options_.tuning.command ? 8 * start : start);
    search.validates = !options_.tuning.command;
    const TrainConfig& values = session_.values();
    search.host_batch_limit =
        host_memory_limit({values.num_workers, values.prefetch_factor, session_.sample_bytes()}, memory_of_a_rank());
    BatchSearchResult found = search_batch(session_.runner(), search, progress_.control());
    if (search_ && !found.batch) return;  // the first search's choice ran with these settings
    if (found.batch && !found.cancelled) chosen_ = found.batch;
    search_ = std::move(found);
  }

  // All ranks are on this machine, each with workers of its own.
  std::optional<std::int64_t> memory_of_a_rank() const {
    const auto available = available_memory_bytes();
    return available ? std::optional(*available / session_.ranks()) : std::nullopt;
  }

  void turn_knobs() {
    KnobOptions knobs;
    knobs.budget_s = options_.budget_s;
    knobs.set = settings();
    knobs.set.push_back({session_.batch_key(), fmt::format("{}", *chosen_)});
    knobs.disabled = disabled_knobs();
    if (knobs.disabled.size() == kKnobs) return;
    if (session_.machine().card) knobs.compute_major = session_.machine().card->compute_major;
    knobs.cpu_cores = std::max(1, session_.machine().cpu_cores / session_.ranks());
    knobs.sample_bytes = session_.sample_bytes();
    knobs.host_available_bytes = memory_of_a_rank();
    progress_.headline({fmt::format("Trying the settings at batch {}", *chosen_),
                        fmt::format("在批大小 {} 下尝试各项设置", *chosen_)});
    TrainConfig values = session_.values();
    values.batch_size = *chosen_;
    knobs_ = tune_knobs(session_.runner(), values, knobs, progress_.control());
    if (!knobs_.cancelled) kept_ = knobs_.kept;
  }

  // Of another program only what its config names can be turned, on a CPU only what it has.
  std::vector<std::string> disabled_knobs() const {
    std::vector<std::string> disabled = options_.disabled_knobs;
    const auto disable = [&](const std::string& knob) {
      if (std::ranges::find(disabled, knob) == disabled.end()) disabled.push_back(knob);
    };
    if (!options_.tuning.command) {
      // The CPU has no captured graph, and few have 16-bit units: trials there would only cost their time.
      if (!session_.on_gpu()) std::ranges::for_each(std::vector<std::string>{"precision", "compile"}, disable);
      return disabled;
    }
    static const std::vector<std::pair<std::string, std::string>> needs = {{"precision", "use_mixed_precision"},
                                                                           {"compile", "compile_model"},
                                                                           {"channels_last", "channels_last"},
                                                                           {"workers", "num_workers"},
                                                                           {"data_cache", "data_cache"}};
    for (const auto& [knob, key] : needs) {
      if (session_.file().find(key) == nullptr) disable(knob);
    }
    return disabled;
  }

  void conclude() {
    record_.trials = progress_.trials();
    record_.interrupted = session_.interrupted();
    if (search_) add_search(record_, *search_, options_.target_gpu_util);
    add_knobs(record_, knobs_);
    if (record_.interrupted) {
      conclude_interrupted();
    } else if (chosen_) {
      conclude_chosen();
    }
    if (!record_.after) record_.next_failed.reset();  // next to what?
    const std::vector<Text> notes = session_.notes();
    record_.notes.insert(record_.notes.end(), notes.begin(), notes.end());
  }

  void conclude_chosen() {
    pick_trials(record_, session_.start_batch(), *chosen_, settings_given(), kept_);
    const bool own_can_run = !dataset_samples_ || session_.start_batch() <= *dataset_samples_;
    if (!record_.before && search_->cut_short && own_can_run) return give_up();
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
    record_.next_command = "wring train " + shell_quoted(output_.string());
    if (session_.ranks() > 1) record_.next_command += fmt::format(" --nproc {}", session_.ranks());
  }

  // A batch that was never compared with the config's own is no improvement on it.
  void give_up() {
    const std::int64_t own = session_.start_batch();
    record_.after.reset();
    chosen_.reset();
    record_.reason = {
        fmt::format("The budget of {:g} s ended before the configuration's own batch {} was run: nothing can "
                    "be compared with it; give a longer --budget",
                    options_.budget_s, own),
        fmt::format("预算的 {:g} 秒在运行配置自身的批大小 {} 之前已用完，无从比较；请用 --budget 给出更长的时间",
                    options_.budget_s, own)};
  }

  std::vector<Assignment> settings_given() const {
    std::vector<Assignment> given = session_.given();
    std::erase_if(given, [&](const Assignment& a) { return a.key == session_.batch_key(); });
    return given;
  }

  void conclude_interrupted() {
    const RecordedTrial* best = nullptr;
    for (const RecordedTrial& trial : record_.trials) {
      const bool counts = trial.fits && trial.result.outcome == TrialOutcome::ok;
      if (counts && (best == nullptr || trial.result.samples_per_s > best->result.samples_per_s)) best = &trial;
    }
    record_.reason =
        best == nullptr
            ? Text("Interrupted before anything ran.", "已中断，尚无可运行的结果。")
            : Text(
                  fmt::format("Interrupted. The fastest until then: batch {} with {} samples/s; no config was written, "
                              "and the next search goes on from these trials.",
                              best->batch_size, rate_text(best->result.samples_per_s)),
                  fmt::format("已中断。目前最快：批大小 {}，{} 样本/秒；未写入配置，下次搜索会沿用这些试验。",
                              best->batch_size, rate_text(best->result.samples_per_s)));
  }

  [[noreturn]] void fail() const {
    Text why = record_.reason;
    if (why.empty()) why = {"no batch size ran", "没有能运行的批大小"};
    const Text kept(
        fmt::format("{} is as it was; what was tried: {}", options_.tuning.config.string(),
                    record_path(output_).string()),
        fmt::format("{} 未改动；试验记录：{}", options_.tuning.config.string(), record_path(output_).string()));
    throw Error(ErrorCode::failed, why, options_.dry_run ? Text() : kept);
  }

  static constexpr std::size_t kKnobs = 5;

  const BenchmarkOptions& options_;
  const Console console_;
  const fs::path output_;
  TuningSession session_;
  TuningProgress progress_;
  TuningRecord record_;
  std::optional<BatchSearchResult> search_;
  KnobResult knobs_;
  std::vector<Assignment> kept_;
  std::optional<std::int64_t> chosen_;
  std::optional<std::int64_t> dataset_samples_;  // of one epoch
  std::string text_;                             // of the changed config
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

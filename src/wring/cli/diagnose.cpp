#include "wring/cli/diagnose.h"

#include <algorithm>

#include <fmt/format.h>

#include "wring/base/clock.h"
#include "wring/cli/benchmark.h"
#include "wring/console/paths.h"
#include "wring/findings/judge.h"
#include "wring/process/shell_words.h"
#include "wring/report/tuning/words.h"
#include "wring/session/benchmark_record.h"
#include "wring/session/diagnose_trials.h"
#include "wring/session/output.h"
#include "wring/trial/telling_line.h"
#include "wring/tune/search/contest.h"
#include "wring/tune/search/words.h"

namespace wring {
namespace {

namespace fs = std::filesystem;

class DiagnoseRun {
 public:
  DiagnoseRun(const DiagnoseOptions& options, const Console& console, fs::path output)
      : options_(options),
        console_(console),
        session_(options.tuning, console),
        progress_(session_, options.json || console.quiet) {
    record_ = session_.new_record("wring diagnose");
    record_.output = std::move(output);
  }

  int run() {
    const auto begin = SteadyClock::now();
    if (const auto loss = session_.loss_note()) progress_.headline(*loss);
    try {
      diagnose_and_fix();
    } catch (const Error& error) {
      if (error.code() != ErrorCode::interrupted) throw;
    }
    record_.interrupted = session_.interrupted();
    record_.trials = progress_.trials();
    record_.seconds = seconds_since(begin);
    point_at_trials();
    const std::vector<Text> notes = session_.notes();
    record_.notes.insert(record_.notes.end(), notes.begin(), notes.end());
    const bool write = options_.fix && writes_files();
    std::optional<Error> unwritten;
    if (write) unwritten = write_results(record_, text_, console_);
    print_record(record_, write && !unwritten ? FilesWritten::all : FilesWritten::none, options_.json, console_);
    if (unwritten) throw Error(*unwritten);
    return record_.interrupted ? static_cast<int>(ErrorCode::interrupted) : 0;
  }

 private:
  // An interrupted one leaves an earlier result as it was, and has a place of its own beside it.
  bool writes_files() {
    if (!record_.interrupted || record_.written) return true;
    const fs::path place = interrupted_path(record_.output);
    if (place != record_.output && record_.trials.empty()) return false;
    record_.output = place;
    return true;
  }

  void diagnose_and_fix() {
    progress_.headline({"Measuring what the step waits for", "正在测量每步在等待什么"});
    const DiagnosisInput input = measure_for_diagnosis(session_, progress_);
    if (input.real.outcome != TrialOutcome::ok) fail(input.real);
    record_.verdicts = diagnose(input);
    const std::vector<Finding>& found = record_.verdicts;
    if (found.empty()) {
      record_.reason = {"The measurements support no verdict.", "测量结果不足以下结论。"};
      return;
    }
    const auto curable = std::ranges::find_if(found, [](const Finding& one) { return !one.fix.empty(); });
    if (curable == found.end()) {
      if (options_.fix) record_.reason = {"No key of the configuration cures this.", "没有可以解决此问题的配置项。"};
      return;
    }
    record_.changes = changes_by(*curable);
    if (options_.fix) fix(*curable);
  }

  [[noreturn]] void fail(const TrialResult& real) const {
    const Text outcome = outcome_text(real.outcome);
    const std::string words = real.message.empty() ? "" : ": " + first_words(real.message);
    const bool oom = real.outcome == TrialOutcome::oom;
    throw Error(
        ErrorCode::failed,
        {"{} does not run: {}{}", "{} 无法运行：{}{}", options_.tuning.config.string(), outcome, words},
        oom ? Text("wring benchmark finds a batch size that fits", "wring benchmark 可找到合适的批大小") : Text());
  }

  std::vector<Change> changes_by(const Finding& diagnosis) const {
    BatchAdvice nothing_about_the_batch;
    KnobDecision cure;
    cure.knob = std::string(diagnosis.key);
    cure.to = diagnosis.fix;
    cure.kept = true;
    cure.reason = diagnosis.headline;
    return changes_of(session_.file(), record_, session_.given(), {cure}, nothing_about_the_batch);
  }

  // Written only where it is faster, by trials of both in turns.
  void fix(const Finding& diagnosis) {
    text_ = changed_text(session_.file(), record_.changes, /*ours=*/true);
    progress_.headline({"Measuring with the change and without it, in turns", "交替测量改动前后"});
    ContestOptions contest;
    contest.before_batch = contest.after_batch = session_.start_batch();
    std::vector<Assignment> after = session_.given();
    for (const Assignment& one : diagnosis.fix) {
      after.push_back(one);
      if (one.key == session_.batch_key()) contest.after_batch = std::stoll(one.value);
    }
    const ContestResult found = run_contest(session_.runner(), session_.given(), after, contest, progress_.control());
    if (!found.failed.empty()) {
      record_.reason = {"It does not run to the end of the comparison: {}; the change was not written.",
                        "对比未能完成：{}；改动未写入。", found.failed};
    } else if (found.rates.disturbed()) {
      record_.disturbed = found.rates.spread();
      const std::string spread = percent_figure(*record_.disturbed);
      record_.reason = {
          "The machine is disturbed: rates of one configuration differ by {} %; the change was not written.",
          "机器受到干扰：同一配置的速率相差 {}%；改动未写入。", spread};
    } else if (!found.rates.in_turns()) {
      record_.reason = {"It ended before both were compared in turns; the change was not written.",
                        "在完成交替对比之前已结束；改动未写入。"};
    } else if (!found.rates.won()) {
      record_.reason = {"The change is not faster by more than 3 % and the noise, so it was not written.",
                        "改动后的提速未超过 3% 与噪声，因此未写入。"};
    } else {
      record_.written = true;
      record_.next_command = "wring train " + shell_quoted_path(record_.output);
    }
  }

  // The config as it was is what was measured first; what --fix changes is measured with more settings than that.
  void point_at_trials() {
    for (std::size_t i = 0; i < record_.trials.size(); ++i) {
      const RecordedTrial& trial = record_.trials[i];
      if (trial.request.measure.data != TrialData::real || trial.result.outcome != TrialOutcome::ok) continue;
      if (!record_.before) record_.before = i;
      const bool changed = assignments_text(trial.request.set) != assignments_text(session_.given());
      if (changed && trial.purpose == role_name(TrialRole::confirm)) record_.after = i;
    }
    record_.compared = record_.after.has_value();
  }

  const DiagnoseOptions& options_;
  const Console console_;
  TuningSession session_;
  TuningProgress progress_;
  TuningRecord record_;
  std::string text_;  // of the changed config
};

}  // namespace

int diagnose_config(const DiagnoseOptions& options) {
  require_config(options.tuning.config);
  const fs::path output = options.output.value_or(benchmarked_path(options.tuning.config));
  if (options.fix) require_output(options.tuning.config, output);
  return DiagnoseRun(options, console_for(options.tuning.common), output).run();
}

int diagnose_command(const Arguments& arguments, const CommonOptions& common) {
  DiagnoseOptions options;
  options.tuning.common = common;
  options.tuning.command_line = "wring diagnose " + shell_line(arguments);
  if (const auto done = parse_diagnose(arguments, options)) return *done;
  if (options.program) return diagnose_program(*options.program);
  return diagnose_config(options);
}

}  // namespace wring

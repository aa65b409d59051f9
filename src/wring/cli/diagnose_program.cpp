#include "wring/cli/diagnose_program.h"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

#include "wring/agent/agent_files.h"
#include "wring/agent/observed_program.h"
#include "wring/agent/silence.h"
#include "wring/base/error.h"
#include "wring/base/json.h"
#include "wring/base/json_text.h"
#include "wring/base/message.h"
#include "wring/base/utc_now.h"
#include "wring/console/paths.h"
#include "wring/kineto/daemon.h"
#include "wring/kineto/unheard.h"
#include "wring/process/shell_words.h"
#include "wring/report/json_parts.h"
#include "wring/report/program/facts.h"
#include "wring/report/program/json.h"
#include "wring/report/program/page.h"
#include "wring/report/program/ranks_report.h"
#include "wring/report/program/text.h"
#include "wring/session/judged_program.h"

namespace wring {
namespace {

using Json = nlohmann::ordered_json;

const char* key_of(EndOfProgram how) {
  switch (how) {
    case EndOfProgram::by_itself:
      return "by_itself";
    case EndOfProgram::observed:
      return "observed";
    case EndOfProgram::timed_out:
      return "timed_out";
    case EndOfProgram::interrupted:
      return "interrupted";
  }
  return "";
}

Text what_comes(const DiagnoseProgramOptions& options) {
  const AgentRequest usual, &request = options.request;
  const bool as_usual = request.after_steps == usual.after_steps && request.after_seconds == usual.after_seconds &&
                        request.steps == usual.steps;
  const Text how_long = as_usual ? Text(", usually for 10 to 40 s", "，通常 10 到 40 秒") : Text();
  const Text then = options.to_the_end ? Text("then runs on by itself", "之后继续自行运行")
                                       : Text("is then ended (--to-the-end lets it run on)",
                                              "随后结束它（--to-the-end 可让它继续运行）");
  return {"the program is measured from its first training step on{}, and {}; after {:.0f} s at the latest (--timeout)",
          "从第一个训练步开始测量该程序{}，{}；最迟在 {:.0f} 秒后（--timeout）", how_long, then, options.timeout_s};
}

Text what_ends(EndOfProgram how) {
  if (how == EndOfProgram::interrupted) return {"interrupted, the program is ended", "已中断，正在结束程序"};
  if (how == EndOfProgram::timed_out) return {"the time is over, the program is ended", "时间已到，正在结束程序"};
  return {"all is measured, the program is ended", "已测完，正在结束程序"};
}

class DiagnosedProgram {
 public:
  explicit DiagnosedProgram(const DiagnoseProgramOptions& options)
      : options_(options), console_(console_for(options.common)), started_(utc_now()) {
    if (options.report) report_.emplace(place_of_page(*options.report));
  }

  int run() {
    const AgentFiles files(options_.keep_trace);
    ObserveOptions observe;
    look_in_without_agent(files, observe);
    observe.request = options_.request;
    observe.timeout = std::chrono::milliseconds(static_cast<std::int64_t>(options_.timeout_s * 1000));
    observe.to_the_end = options_.to_the_end;
    observe.output_to_errors = options_.json;
    tell_progress(observe);
    if (!options_.json) {
      observe.on_observed = [this](const ObservedProgram& seen) {
        tell(seen);
        told_ = true;
      };
    }
    const ObservedProgram seen = observe_program(options_.command, files, observe);
    if (!told_) tell(seen);
    return exit_code(seen);
  }

 private:
  // To somebody who waits at a terminal. Nothing of what the program has printed is erased: a bar that it paints stays
  // where it is, and goes on below.
  void tell_progress(ObserveOptions& observe) const {
    if (!tells_progress_) return;
    const auto tell = [this](std::string_view before, const Text& what) {
      write_message(fmt::format("{}wring: {}\n", before, console_.text(what)));
    };
    tell("", what_comes(options_));
    observe.on_first_step = [tell] {
      tell("\n", {"the first training step is seen, measuring", "已看到第一个训练步，正在测量"});
    };
    observe.on_ending = [tell](EndOfProgram how) { tell("\n", what_ends(how)); };
  }

  // Where it cannot enter, or is not to.
  void look_in_without_agent(const AgentFiles& files, ObserveOptions& observe) {
    const auto isolated = isolated_python(options_.command);
    if (!isolated && !options_.without_agent) return;
    const Silence told = kineto::without_agent(isolated ? isolated->why : Text());
    print_warning(told.why, isolated ? isolated->way_out : told.way_out, console_);
    profiler_.emplace(files.folder(), files.traces(), options_.request);
    observe.source = &*profiler_;
    observe.environment = profiler_->environment();
  }

  std::optional<Silence> silence_of(const ObservedProgram& seen) const {
    return profiler_ ? kineto::why_unheard(seen, profiler_->processes()) : why_silent(seen, options_.command);
  }

  void tell(const ObservedProgram& seen) {
    const JudgedProgram program = judge_program(seen.observations);
    if (report_) write_report(seen, program);
    if (options_.json) {
      print_json(seen, program);
    } else {
      print_text(seen, program);
    }
  }

  void write_report(const ObservedProgram& seen, const JudgedProgram& program) {
    ProgramPage page;
    page.command = shell_line(options_.command);
    page.started = started_;
    page.waited_s = seen.waited_s;
    if (program.verdict) page.verdict = ranks_text(program, {console_.language, true});
    page.ranks = program.ranks;
    page.notes = notes_of(seen, false);
    if (const auto silence = silence_of(seen)) {
      page.reason = silence->why;
      page.way_out = silence->way_out;
    }
    try {
      write_file_atomically(report_->folder, report_->name, program_html(page, console_.language));
      report_written_ = true;
    } catch (const Error& error) {  // what was measured is told all the same
      print_error(error, options_.common);
    }
  }

  // What is not about a rank. `end_is_told`: the reader knows already that the program was ended.
  std::vector<Text> notes_of(const ObservedProgram& seen, bool end_is_told) const {
    constexpr std::size_t kMostLines = 16;
    std::vector<Text> notes;
    const std::size_t lines = std::min(seen.silent.size(), kMostLines);
    for (std::size_t i = 0; i < lines; ++i) {
      Text note{"not measured: {}", "未测量：{}", why_silent(seen, seen.silent[i]).why};
      notes.push_back(std::move(note));
    }
    if (seen.silent.size() > lines) {
      Text note{"and {} more processes", "另有 {} 个进程", seen.silent.size() - lines};
      notes.push_back(std::move(note));
    }
    if (seen.killed) {
      notes.emplace_back("the program did not end when it was asked to, and was killed (SIGKILL)",
                         "程序未按要求结束，已被强制终止（SIGKILL）");
    }
    if (seen.how == EndOfProgram::observed && !options_.to_the_end && !end_is_told) {
      notes.emplace_back("wring ended the program, since all was measured; --to-the-end lets it run on",
                         "已测完，wring 结束了该程序；--to-the-end 可让它继续运行");
    }
    return notes;
  }

  void print_text(const ObservedProgram& seen, const JudgedProgram& program) const {
    if (const auto silence = silence_of(seen)) {
      print_error(
          Error(ErrorCode::failed, {"nothing could be measured: {}", "未能测量：{}", silence->why}, silence->way_out),
          options_.common);
      return;
    }
    const TextStyle style{console_.language, console_.utf8};
    std::string text = "\n";
    if (program.verdict) text += ranks_text(program, style);
    for (const JudgedProcess& rank : program.ranks) {
      std::size_t indent = 0;
      if (program.verdict) text += '\n';
      for (const Text& line : program.verdict ? rank_facts(program, rank) : observed_facts(rank.seen)) {
        text += fmt::format("{}{}\n", std::string(indent, ' '), console_.text(line));
        indent = 2;
      }
      if (!program.verdict) text += '\n' + judged_text(rank, style);
      if (const auto& trace = rank.seen.trace; trace && options_.keep_trace) {
        const Text kept{"profile of {} steps, for ui.perfetto.dev: {}",
                        "{} 步的性能分析记录（可在 ui.perfetto.dev 打开）：{}", trace->steps, trace->path.string()};
        text += fmt::format("  {}\n", console_.text(kept));
      }
    }
    for (const Text& note : notes_of(seen, tells_progress_)) text += console_.text(note) + "\n";
    if (report_written_) text += console_.text({"report: {}", "报告：{}", options_.report->string()}) + "\n";
    write_message(text);
  }

  void print_json(const ObservedProgram& seen, const JudgedProgram& program) const {
    const Language language = console_.language;
    Json list = Json::array();
    for (const JudgedProcess& rank : program.ranks) {
      Json json = judged_json(rank, language);
      // Another one's path is gone with the agent's folder.
      if (rank.seen.trace && !options_.keep_trace) json["trace"]["path"] = nullptr;
      list.push_back(std::move(json));
    }
    const auto silence = silence_of(seen);
    print_out("{}\n", json_text(Json{{"command", options_.command},
                                     {"ended", key_of(seen.how)},
                                     {"exit_status", or_null(seen.end.exit_status)},
                                     {"signal", or_null(seen.end.signal)},
                                     {"killed", seen.killed},
                                     {"waited_s", json_number(seen.waited_s)},
                                     {"verdict", ranks_json(program, language)},
                                     {"ranks", std::move(list)},
                                     {"silent", silent_json(silent_processes(seen), language)},
                                     {"report", report_written_ ? Json(options_.report->string()) : Json()},
                                     {"reason", silence ? text_json(silence->why, language) : Json()},
                                     {"way_out", silence ? text_json(silence->way_out, language) : Json()}}));
  }

  int exit_code(const ObservedProgram& seen) const {
    if (seen.how == EndOfProgram::interrupted) return static_cast<int>(ErrorCode::interrupted);
    const int own = seen.end.signal ? 128 + *seen.end.signal : seen.end.exit_status.value_or(0);
    if (options_.to_the_end || (seen.how == EndOfProgram::by_itself && own != 0)) return own;
    const bool unwritten = report_ && !report_written_;
    return seen.observations.empty() || unwritten ? static_cast<int>(ErrorCode::failed) : 0;
  }

  const DiagnoseProgramOptions& options_;
  const Console console_;
  const bool tells_progress_ = !options_.json && !console_.quiet && ::isatty(STDERR_FILENO) != 0;
  std::optional<kineto::Daemon> profiler_;
  const std::string started_;
  std::optional<FilePlace> report_;
  bool report_written_ = false;
  bool told_ = false;
};

}  // namespace

int diagnose_program(const DiagnoseProgramOptions& options) {
  return DiagnosedProgram(options).run();
}

}  // namespace wring

#include "wring/cli/diagnose_program.h"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "wring/agent/agent_files.h"
#include "wring/agent/observed_program.h"
#include "wring/agent/silence.h"
#include "wring/base/error.h"
#include "wring/base/json.h"
#include "wring/base/json_text.h"
#include "wring/base/message.h"
#include "wring/kineto/daemon.h"
#include "wring/kineto/unheard.h"
#include "wring/report/json_parts.h"
#include "wring/report/program/facts.h"
#include "wring/report/program/json.h"
#include "wring/report/program/text.h"
#include "wring/session/judged_process.h"

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

Json silent_json(const ObservedProgram& seen, Language language) {
  Json list = Json::array();
  for (const AgentClient& client : seen.silent) {
    list.push_back({{"pid", client.process.pid},
                    {"rank", client.process.rank},
                    {"phase", client.phase.empty() ? Json() : Json(client.phase)},
                    {"reason", why_silent(seen, client).why.in(language)}});
  }
  return list;
}

class DiagnosedProgram {
 public:
  explicit DiagnosedProgram(const DiagnoseProgramOptions& options)
      : options_(options), console_(console_for(options.common)) {}

  int run() {
    const AgentFiles files(options_.keep_trace);
    ObserveOptions observe;
    look_in_without_agent(files, observe);
    observe.request = options_.request;
    observe.timeout = std::chrono::milliseconds(static_cast<std::int64_t>(options_.timeout_s * 1000));
    observe.to_the_end = options_.to_the_end;
    observe.output_to_errors = options_.json;
    if (!options_.json) {
      observe.on_observed = [this](const ObservedProgram& seen) {
        print_text(seen);
        printed_ = true;
      };
    }
    const ObservedProgram seen = observe_program(options_.command, files, observe);
    if (options_.json) {
      print_json(seen);
    } else if (!printed_) {
      print_text(seen);
    }
    return exit_code(seen);
  }

 private:
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

  void print_text(const ObservedProgram& seen) const {
    if (const auto silence = silence_of(seen)) {
      print_error(
          Error(ErrorCode::failed, {"nothing could be measured: {}", "未能测量：{}", silence->why}, silence->way_out),
          options_.common);
      return;
    }
    std::string text = "\n";
    for (const Observation& rank : seen.observations) {
      std::size_t indent = 0;
      for (const Text& line : observed_facts(rank)) {
        text += fmt::format("{}{}\n", std::string(indent, ' '), console_.text(line));
        indent = 2;
      }
      text += '\n' + judged_text(judge_process(rank), {console_.language, console_.utf8});
      if (rank.trace && options_.keep_trace) {
        const Text kept{"trace of {} steps: {}", "{} 步的性能记录：{}", rank.trace->steps, rank.trace->path.string()};
        text += fmt::format("  {}\n", console_.text(kept));
      }
    }
    constexpr std::size_t kMostLines = 16;
    const std::size_t lines = std::min(seen.silent.size(), kMostLines);
    for (std::size_t i = 0; i < lines; ++i) {
      text += console_.text({"not measured: {}", "未测量：{}", why_silent(seen, seen.silent[i]).why}) + "\n";
    }
    if (seen.silent.size() > lines) {
      text += console_.text({"and {} more processes", "另有 {} 个进程", seen.silent.size() - lines}) + "\n";
    }
    if (seen.killed) {
      text += console_.text(
          {"the program did not end when it was asked to, and was killed", "程序未按要求结束，已被强制终止"});
      text += '\n';
    }
    if (seen.how == EndOfProgram::observed && !options_.to_the_end) {
      text += console_.text({"wring ended the program, since all was measured; --to-the-end lets it run on",
                             "已测完，wring 结束了该程序；--to-the-end 可让它继续运行"});
      text += '\n';
    }
    write_message(text);
  }

  void print_json(const ObservedProgram& seen) const {
    const Language language = console_.language;
    Json ranks = Json::array();
    for (const Observation& rank : seen.observations) {
      Json json = judged_json(judge_process(rank), language);
      // Another one's path is gone with the agent's folder.
      if (rank.trace && !options_.keep_trace) json["trace"]["path"] = nullptr;
      ranks.push_back(std::move(json));
    }
    const auto silence = silence_of(seen);
    print_out("{}\n", json_text(Json{{"command", options_.command},
                                     {"ended", key_of(seen.how)},
                                     {"exit_status", or_null(seen.end.exit_status)},
                                     {"signal", or_null(seen.end.signal)},
                                     {"killed", seen.killed},
                                     {"waited_s", json_number(seen.waited_s)},
                                     {"ranks", std::move(ranks)},
                                     {"silent", silent_json(seen, language)},
                                     {"reason", silence ? text_json(silence->why, language) : Json()},
                                     {"way_out", silence ? text_json(silence->way_out, language) : Json()}}));
  }

  int exit_code(const ObservedProgram& seen) const {
    if (seen.how == EndOfProgram::interrupted) return static_cast<int>(ErrorCode::interrupted);
    const int own = seen.end.signal ? 128 + *seen.end.signal : seen.end.exit_status.value_or(0);
    if (options_.to_the_end || (seen.how == EndOfProgram::by_itself && own != 0)) return own;
    return seen.observations.empty() ? static_cast<int>(ErrorCode::failed) : 0;
  }

  const DiagnoseProgramOptions& options_;
  const Console console_;
  bool printed_ = false;
  std::optional<kineto::Daemon> profiler_;
};

}  // namespace

int diagnose_program(const DiagnoseProgramOptions& options) {
  return DiagnosedProgram(options).run();
}

}  // namespace wring

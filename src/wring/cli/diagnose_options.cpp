#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <system_error>

#include <fmt/format.h>

#include "wring/cli/command_parser.h"
#include "wring/cli/diagnose.h"
#include "wring/cli/tuning_options.h"
#include "wring/console/assignments.h"
#include "wring/process/shell_words.h"

namespace wring {
namespace {

constexpr int kMostSteps = 1'000'000;
constexpr double kLongestS = 7 * 24 * 3600;

// What starts programs of PyTorch, beside Python itself.
constexpr std::array<std::string_view, 7> kLaunchers = {"torchrun", "accelerate", "deepspeed", "bash",
                                                        "sh",       "uv",         "srun"};

// "20" → steps, "5s" → seconds. The other one then has no say.
void set_warm_up(const std::string& text, AgentRequest& request) {
  char* end = nullptr;
  const double number = std::strtod(text.c_str(), &end);
  const std::string unit = end;
  const bool in_seconds = unit == "s", whole = number == std::floor(number);
  if (end == text.c_str() || !(number >= 0) || (!in_seconds && (!unit.empty() || !whole))) {
    throw Error(ErrorCode::usage,
                {"--after: '{}' is neither steps nor seconds", "--after：“{}”既不是步数也不是秒数", text},
                {"for example --after 100 or --after 30s", "例如 --after 100 或 --after 30s"});
  }
  if (number > (in_seconds ? kLongestS : kMostSteps)) {
    throw Error(ErrorCode::usage, {"--after takes at most {} steps, or {} seconds (7 days)",
                                   "--after 最多 {} 步，或 {} 秒（7 天）", kMostSteps, kLongestS});
  }
  request.after_steps = in_seconds ? 0 : static_cast<std::int64_t>(number);
  request.after_seconds = in_seconds ? number : 0;
}

// A number beyond what an integer holds is too large, and no less a number.
std::int64_t number_of_steps(const std::string& text) {
  const bool digits = !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
  const double number = digits ? std::strtod(text.c_str(), nullptr) : 0;
  if (number < 1 || number > kMostSteps) {
    throw Error(ErrorCode::usage, {"--steps takes a number from 1 to {}, not '{}'",
                                   "--steps 的值从 1 到 {}，不能是“{}”", kMostSteps, text});
  }
  return static_cast<std::int64_t>(number);
}

// What is for a program alone.
class ProgramArguments {
 public:
  void add_to(CommandParser& parser) {
    parser.option(
        "--steps", "N", steps_,
        {"with COMMAND: steps to measure (default: 50, or what comes in 15 s); beyond them a few for the trace",
         "配合 COMMAND：测量的步数（默认：50，或 15 秒内的步数）；另有几步用于性能分析"});
    parser.option(
        "--after", "N|Ns", after_,
        {"with COMMAND: first pass over so many steps, or seconds (default: 20 steps and 2 s), until they are steady",
         "配合 COMMAND：先跳过这些步或秒（默认：20 步且 2 秒），直到每步耗时稳定"});
    parser.option("--timeout", "S", timeout_,
                  {"with COMMAND: seconds until all must be measured, its start included (default: 600)",
                   "配合 COMMAND：完成测量的秒数上限，含启动（默认：600）"});
    parser.flag("--to-the-end", to_the_end_,
                {"with COMMAND: let it run on after the measurements, and keep its exit code",
                 "配合 COMMAND：测量后让它继续运行，并保留其退出码"});
    parser.flag(
        "--without-agent", without_agent_,
        {"with COMMAND: look in by torch's profiler alone, without Python: no places in the code; of itself where "
         "python has -I, -E or -S",
         "配合 COMMAND：仅通过 torch 的性能分析器观察，不进入 Python：没有代码位置；python 带 -I、-E 或 -S "
         "时自动启用"});
    parser.option("--keep-trace", "DIR", keep_trace_,
                  {"with COMMAND: keep torch's traces of a few steps there",
                   "配合 COMMAND：把几步的 torch 性能分析记录（trace）保存于此"});
    parser.option("--report", "FILE", report_,
                  {"with COMMAND: also write an HTML page, with a timeline of one step",
                   "配合 COMMAND：另写一个 HTML 报告，含一步的时间线"});
  }

  // One that was given; "" where none was.
  std::string given() const {
    return steps_           ? "--steps"
           : after_         ? "--after"
           : timeout_       ? "--timeout"
           : to_the_end_    ? "--to-the-end"
           : keep_trace_    ? "--keep-trace"
           : report_        ? "--report"
           : without_agent_ ? "--without-agent"
                            : "";
  }

  // Throws Error{usage}.
  DiagnoseProgramOptions options() const {
    DiagnoseProgramOptions program;
    program.timeout_s = timeout_.value_or(program.timeout_s);
    if (!(program.timeout_s >= 1 && program.timeout_s <= kLongestS)) {
      throw Error(ErrorCode::usage,
                  {"--timeout takes seconds, from 1 to {}", "--timeout 的值为秒数，从 1 到 {}", kLongestS});
    }
    if (after_) set_warm_up(*after_, program.request);
    if (steps_) {
      program.request.steps = number_of_steps(*steps_);
      program.request.max_seconds = program.timeout_s;  // those that were asked for, however long they take
    }
    if (std::error_code error; keep_trace_ && std::filesystem::exists(*keep_trace_, error) &&
                               !std::filesystem::is_directory(*keep_trace_, error)) {
      throw Error(
          ErrorCode::usage,
          {"--keep-trace: {} is a file, not a folder", "--keep-trace：{} 是文件而非文件夹", keep_trace_->string()},
          {"name a folder; one that does not exist is made", "请给出文件夹；不存在时会创建"});
    }
    program.to_the_end = to_the_end_;
    program.keep_trace = keep_trace_;
    program.without_agent = without_agent_;
    program.report = report_;
    return program;
  }

 private:
  std::optional<std::string> steps_;
  std::optional<std::string> after_;
  std::optional<double> timeout_;
  bool to_the_end_ = false;
  bool without_agent_ = false;
  std::optional<std::filesystem::path> keep_trace_;
  std::optional<std::filesystem::path> report_;
};

void add_examples(CommandParser& parser) {
  parser.example("wring diagnose -- python train.py --epochs 3",
                 {"what the steps of any PyTorch program wait for; it is ended once that is known",
                  "任何 PyTorch 程序的每步在等什么；测完即结束该程序"});
  parser.example("wring diagnose --to-the-end -- torchrun --nproc-per-node 2 train.py",
                 {"each rank, and the training goes on", "每个进程都测，训练继续进行"});
  parser.example("wring diagnose configs/lightweight_config.yaml",
                 {"what the GPU waits for, with numbers", "GPU 在等什么，附数据"});
  parser.example("wring diagnose configs/lightweight_config.yaml --fix",
                 {"measures the cure, and writes it where it is faster", "实测解决办法，确有提速才写入"});
}

[[noreturn]] void refuse_in_this_form(const std::string& option, bool has_command) {
  if (has_command) {
    throw Error(ErrorCode::usage, {"{} belongs to wring diagnose CONFIG", "{} 只用于 wring diagnose CONFIG", option},
                {"options of COMMAND itself go after it", "COMMAND 自身的选项写在它之后"});
  }
  throw Error(ErrorCode::usage,
              {"{} belongs to wring diagnose -- COMMAND", "{} 只用于 wring diagnose -- COMMAND", option},
              {"for example: wring diagnose -- python train.py", "例如：wring diagnose -- python train.py"});
}

// The one configuration; or what a command without its dashes looks like.
std::filesystem::path config_of(const std::vector<std::string>& words) {
  const Text dashes{"a program to run goes after --: wring diagnose -- python train.py",
                    "要运行的程序写在 -- 之后：wring diagnose -- python train.py"};
  if (words.empty()) {
    throw Error(ErrorCode::usage, {"CONFIG is missing", "缺少 CONFIG"}, dashes);
  }
  if (words.size() > 1) {
    throw Error(ErrorCode::usage, {"unexpected argument '{}'", "多余的参数“{}”", words[1]}, dashes);
  }
  if (words[0].ends_with(".py")) {
    throw Error(ErrorCode::usage, {"{} is a Python file, not a configuration", "{} 是 Python 文件而非配置", words[0]},
                dashes);
  }
  return words[0];
}

// Words of a program to run, where its dashes are missing: "python train.py --epochs 3". Its options would else be
// taken for wring's.
void refuse_program_without_dashes(const Arguments& arguments) {
  const auto program = std::ranges::find_if(arguments, [](const std::string& word) {
    const std::string name = std::filesystem::path(word).filename().string();
    return name.starts_with("python") || std::ranges::find(kLaunchers, name) != kLaunchers.end();
  });
  if (program == arguments.end() || arguments.front() == "--help" || arguments.front() == "-h") return;
  throw Error(ErrorCode::usage, {"'{}' is no configuration", "“{}”不是配置", *program},
              {"a program to run goes after --: wring diagnose -- {}", "要运行的程序写在 -- 之后：wring diagnose -- {}",
               shell_line(Arguments(program, arguments.end()))});
}

// The first word after the dashes.
void check_program(const std::vector<std::string>& command) {
  const Text example{"for example: wring diagnose -- python train.py", "例如：wring diagnose -- python train.py"};
  if (command.empty() || command[0].empty()) {
    throw Error(ErrorCode::usage, {"there is no command after --", "-- 之后没有命令"}, example);
  }
  if (command[0].starts_with('-')) {
    throw Error(ErrorCode::usage,
                {"'{}' stands after --, where the command begins", "“{}”写在 -- 之后，此处应是命令", command[0]},
                {"options of wring diagnose go before --", "wring diagnose 的选项写在 -- 之前"});
  }
}

}  // namespace

std::optional<int> parse_diagnose(const Arguments& arguments, DiagnoseOptions& options) {
  const auto dashes = std::ranges::find(arguments, "--");
  const bool has_command = dashes != arguments.end();
  CommandParser parser(
      "wring diagnose", "CONFIG [--fix [-o OUT]] [--json] | [OPTIONS] -- COMMAND …",
      {"Measures why the GPU waits during training, and says what to change: of a configuration, or of "
       "any PyTorch program as it is.",
       "实测训练时 GPU 为何空等，并给出应做的改动：针对一个配置，或任何未经修改的 PyTorch 程序。"},
      options.tuning.common);
  std::vector<std::string> words;
  parser.arguments("CONFIG", words,
                   {"the training configuration (YAML); nothing where COMMAND stands after --",
                    "训练配置（YAML）；-- 之后有 COMMAND 时省略"});
  TuningArguments common;
  common.add_options_to(parser, options.tuning);
  parser.flag(
      "--fix", options.fix,
      {"measure with the change and without it in turns, and write it (…_optimized.yaml beside CONFIG) where it "
       "is faster",
       "交替测量改动前后，确有提速才写入改动（与 CONFIG 同目录的 …_optimized.yaml）"});
  parser.option(
      "-o,--output", "OUT", options.output,
      {"the file that --fix writes, with OUT.json and OUT.html", "--fix 要写入的文件，另有 OUT.json 和 OUT.html"});
  ProgramArguments program;
  program.add_to(parser);
  parser.flag("--json", options.json,
              {"print one JSON object instead of text; what COMMAND prints goes to standard error",
               "输出一个 JSON 对象而非文本；COMMAND 的输出转到标准错误"});
  add_examples(parser);
  if (!has_command) refuse_program_without_dashes(arguments);
  if (const auto done = parser.parse(separate_assignments(Arguments(arguments.begin(), dashes)))) return done;
  common.apply(options.tuning);
  if (!has_command) {
    options.tuning.config = config_of(words);
    if (const std::string other = program.given(); !other.empty()) refuse_in_this_form(other, has_command);
    if (options.output && !options.fix) throw Error(ErrorCode::usage, {"-o belongs to --fix", "-o 只用于 --fix"});
    return std::nullopt;
  }
  const std::string other = options.fix ? "--fix" : options.output ? "-o" : common.given(options.tuning);
  if (!other.empty()) refuse_in_this_form(other, has_command);
  if (!words.empty()) {
    throw Error(
        ErrorCode::usage,
        {"'{}' stands before --, where no configuration is wanted", "“{}”写在 -- 之前，此处不需要配置", words[0]},
        {"COMMAND and all its arguments go after --", "COMMAND 及其全部参数写在 -- 之后"});
  }
  options.program = program.options();
  options.program->command.assign(dashes + 1, arguments.end());
  options.program->common = options.tuning.common;
  options.program->json = options.json;
  check_program(options.program->command);
  return std::nullopt;
}

}  // namespace wring
